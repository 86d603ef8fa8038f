//! `Directory`: the folders of this machine, for choosing library folders.

use std::path::{Path, PathBuf};

use super::file::text;
use crate::graphql::{Context, Field, FieldError, Object, Resolved};
use crate::model::natural::natural_order;

/// A folder with the folders in it.
pub(super) struct Directory {
    path: PathBuf,
    folders: Vec<PathBuf>,
}

impl Directory {
    /// The folder at a path, or the home folder. Of a path that is no folder the folder it would be
    /// in, with those whose names begin like its own.
    pub(super) fn read(path: Option<&str>) -> Result<Directory, FieldError> {
        let path = path.filter(|path| !path.is_empty());
        let home = || std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
        let path = path.map_or_else(home, PathBuf::from);
        let path = std::path::absolute(&path).map_err(FieldError::new)?;
        if path.is_dir() {
            return Ok(Directory { folders: folders_in(&path, "")?, path });
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let parent = path.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(Directory { folders: folders_in(&parent, &name)?, path: parent })
    }

    /// The paths of the folders in it.
    pub(super) fn folders<'r>(&self) -> Resolved<'r> {
        Resolved::list(self.folders.iter().map(|path| text(path)))
    }
}

fn folders_in(path: &Path, beginning: &str) -> Result<Vec<PathBuf>, FieldError> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(path).map_err(FieldError::new)? {
        let entry = entry.map_err(FieldError::new)?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if name.starts_with(beginning) && entry.path().is_dir() {
            folders.push(entry.path());
        }
    }
    folders.sort_by(|a, b| natural_order(&text(a), &text(b)));
    Ok(folders)
}

impl Object for Directory {
    fn type_name(&self) -> &'static str {
        "Directory"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "path" => Resolved::from(text(&self.path)),
            "parent" => Resolved::from(self.path.parent().map(text)),
            "directories" => self.folders(),
            _ => return Err(FieldError::Unresolved),
        })
    }
}
