//! `Image` and the small types below it.

use std::rc::Rc;

use super::file::ImageFile;
use super::object::Head;
use super::scope::Scope;
use crate::graphql::{Context, Field, FieldError, Object, Resolved};
use crate::model::ids::ItemId;

/// An image: a still or animated picture.
pub(super) struct Image(Head);

impl Image {
    /// The image of an id that is known to be one.
    pub(super) fn load(scope: &Rc<Scope>, id: ItemId) -> Result<Option<Image>, FieldError> {
        Ok(Head::load(scope, id)?.map(Image))
    }

    /// The image of an id; `None` when it is none.
    pub(super) fn find(scope: &Rc<Scope>, id: ItemId) -> Result<Option<Image>, FieldError> {
        if scope.images()?.contains(id.0) { Image::load(scope, id) } else { Ok(None) }
    }
}

impl Object for Image {
    fn type_name(&self) -> &'static str {
        "Image"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        let head = &self.0;
        if let Some(answer) = head.field(field) {
            return answer;
        }
        Ok(match field.name() {
            "files" | "visual_files" => Resolved::objects(
                head.files()?.iter().map(|file| ImageFile::new(&head.scope, file.clone())),
            ),
            // No gallery can hold it.
            "galleries" => Resolved::List(Vec::new()),
            "paths" => Resolved::object(ImagePaths(self)),
            "file" => Resolved::object(ImageFileType(self)),
            _ => return Err(FieldError::Unresolved),
        })
    }
}

/// The addresses of an image.
struct ImagePaths<'i>(&'i Image);

impl Object for ImagePaths<'_> {
    fn type_name(&self) -> &'static str {
        "ImagePathsType"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        let head = &self.0.0;
        Ok(match field.name() {
            name @ ("thumbnail" | "image") => {
                head.scope.url(format!("/image/{}/{name}?t={}", head.id, head.stamp()))
            }
            // There are no previews of clips.
            "preview" => Resolved::from(""),
            _ => return Err(FieldError::Unresolved),
        })
    }
}

/// The primary file as older clients know it.
struct ImageFileType<'i>(&'i Image);

impl Object for ImageFileType<'_> {
    fn type_name(&self) -> &'static str {
        "ImageFileType"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        let head = &self.0.0;
        let Some(media) = head.item.media.as_ref() else { return Ok(Resolved::Null) };
        Ok(match field.name() {
            "size" => Resolved::from(media.size_bytes),
            "width" => Resolved::from(media.width.unwrap_or(0)),
            "height" => Resolved::from(media.height.unwrap_or(0)),
            "mod_time" => head.scope.time(head.item.modified_ms.unwrap_or(head.item.created_ms)),
            _ => return Err(FieldError::Unresolved),
        })
    }
}
