//! `SystemStatus`, `Version` and `StatsResultType`.

use std::cell::OnceCell;
use std::rc::Rc;

use roaring::RoaringBitmap;

use super::file::text;
use super::scope::Scope;
use crate::graphql::{Context, Field, FieldError, Object, Resolved};
use crate::library::View;
use crate::library::objects::Column;
use crate::model::entity::EntityKind;
use crate::model::ids::ItemId;

/// The release of the API that the schema is of.
const API_VERSION: &str = "v0.30.1";
/// The number by which clients decide which fields there are.
const SCHEMA_VERSION: i64 = 75;

/// The state of the server.
pub(super) struct SystemStatus(pub(super) Rc<Scope>);

impl Object for SystemStatus {
    fn type_name(&self) -> &'static str {
        "SystemStatus"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        let shared = &self.0.shared;
        let data = &shared.library.settings().data;
        Ok(match field.name() {
            "databaseSchema" | "appSchema" => Resolved::Int(SCHEMA_VERSION),
            "databasePath" => Resolved::from(text(&data.join("library.redb"))),
            "configPath" => Resolved::from(text(&data.join("diptych.toml"))),
            "status" => Resolved::from("OK"),
            "os" => Resolved::from(std::env::consts::OS),
            "workingDir" => {
                Resolved::from(std::env::current_dir().map_or(String::new(), |at| text(&at)))
            }
            "homeDir" => Resolved::from(std::env::var("HOME").unwrap_or_default()),
            "ffmpegPath" => Resolved::from(shared.tool("ffmpeg")),
            "ffprobePath" => Resolved::from(shared.tool("ffprobe")),
            _ => return Err(FieldError::Unresolved),
        })
    }
}

/// The version of the server.
pub(super) struct Version;

impl Object for Version {
    fn type_name(&self) -> &'static str {
        "Version"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "version" => Resolved::from(API_VERSION),
            "hash" => Resolved::from(option_env!("DIPTYCH_COMMIT").unwrap_or("")),
            "build_time" => Resolved::from(option_env!("DIPTYCH_BUILD_TIME").unwrap_or("")),
            _ => return Err(FieldError::Unresolved),
        })
    }
}

/// Numbers about the whole library.
pub(super) struct Stats {
    scope: Rc<Scope>,
    totals: OnceCell<Totals>,
}

#[derive(Default)]
struct Totals {
    counted: u64,
    play_duration_ms: u64,
    plays: u64,
    played: u64,
}

/// The sum of a column over some items; items without a value add nothing.
pub(super) fn sum(view: &View, column: Column, items: &RoaringBitmap) -> Result<f64, FieldError> {
    let values = view.column(column)?;
    Ok(items.iter().filter_map(|id| values.value(ItemId(id))).map(|value| value as f64).sum())
}

impl Stats {
    /// The numbers of this state.
    pub(super) fn new(scope: &Rc<Scope>) -> Stats {
        Stats { scope: Rc::clone(scope), totals: OnceCell::new() }
    }

    fn totals(&self) -> Result<&Totals, FieldError> {
        if self.totals.get().is_none() {
            let facts = self.scope.view.facts()?;
            let mut totals = Totals::default();
            let of = |items: &RoaringBitmap, totals: &mut Totals, scenes: bool| {
                for facts in items.iter().filter_map(|id| facts.get(ItemId(id))) {
                    totals.counted += facts.counter;
                    if scenes {
                        totals.play_duration_ms += facts.play_duration_ms;
                        totals.plays += facts.plays;
                        totals.played += u64::from(facts.plays > 0);
                    }
                }
            };
            of(self.scope.scenes()?, &mut totals, true);
            of(self.scope.images()?, &mut totals, false);
            drop(facts);
            let _ = self.totals.set(totals);
        }
        Ok(self.totals.get().expect("it was set above"))
    }

    fn kind<'r>(&self, kind: EntityKind) -> Result<Resolved<'r>, FieldError> {
        let catalogue = self.scope.view.catalogue(&self.scope.entities)?;
        Ok(Resolved::from(catalogue.of_kind(kind).len()))
    }
}

impl Object for Stats {
    fn type_name(&self) -> &'static str {
        "StatsResultType"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        let (view, scenes, images) = (&self.scope.view, self.scope.scenes()?, self.scope.images()?);
        Ok(match field.name() {
            "scene_count" => Resolved::from(scenes.len()),
            "scenes_size" => {
                Resolved::Float(sum(view, Column::SizeBytes, &view.with_members(scenes)?)?)
            }
            "scene_size_count" => {
                let files = view.with_members(scenes)?;
                Resolved::from(format!("{}", sum(view, Column::SizeBytes, &files)?))
            }
            "scenes_duration" => {
                let files = view.with_members(scenes)?;
                Resolved::Float(sum(view, Column::DurationMs, &files)? / 1000.0)
            }
            "image_count" => Resolved::from(images.len()),
            "images_size" => {
                Resolved::Float(sum(view, Column::SizeBytes, &view.with_members(images)?)?)
            }
            // Galleries do not exist yet.
            "gallery_count" => Resolved::Int(0),
            "performer_count" => self.kind(EntityKind::Performer)?,
            "studio_count" => self.kind(EntityKind::Studio)?,
            "group_count" | "movie_count" => self.kind(EntityKind::Group)?,
            "tag_count" => self.kind(EntityKind::Tag)?,
            "total_o_count" => Resolved::from(self.totals()?.counted),
            "total_play_duration" => {
                Resolved::Float(self.totals()?.play_duration_ms as f64 / 1000.0)
            }
            "total_play_count" => Resolved::from(self.totals()?.plays),
            "scenes_played" => Resolved::from(self.totals()?.played),
            _ => return Err(FieldError::Unresolved),
        })
    }
}
