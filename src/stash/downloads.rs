//! Files made for one download: each goes a short while after it was first fetched.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a file stays after its first request: a client may ask for the rest of it.
const KEPT: Duration = Duration::from_secs(30);
/// How long one stays that nobody asks for.
const FORGOTTEN: Duration = Duration::from_secs(24 * 3600);
/// Files at most: the oldest go first.
const FILES_MAX: usize = 16;

struct Download {
    path: PathBuf,
    made: Instant,
    fetched: Option<Instant>,
}

impl Drop for Download {
    fn drop(&mut self) {
        // What is left is swept away with the temporary files.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The files that wait to be fetched, by their key.
#[derive(Default)]
pub(super) struct Downloads {
    files: Mutex<HashMap<String, Download>>,
}

impl Downloads {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Download>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes charge of a file; returns the key in its address.
    pub(super) fn add(&self, path: PathBuf) -> Result<String, getrandom::Error> {
        let mut bytes = [0; 4];
        getrandom::fill(&mut bytes)?;
        let key = crate::model::hash::to_hex(&bytes);
        let mut files = self.lock();
        sweep(&mut files);
        while files.len() >= FILES_MAX {
            let oldest = files.iter().min_by_key(|(_, file)| file.made).map(|row| row.0.clone());
            let Some(oldest) = oldest else { break };
            files.remove(&oldest);
        }
        files.insert(key.clone(), Download { path, made: Instant::now(), fetched: None });
        Ok(key)
    }

    /// The file of a key and a name, if it is still there.
    pub(super) fn fetch(&self, key: &str, name: &str) -> Option<PathBuf> {
        let mut files = self.lock();
        sweep(&mut files);
        let file = files.get_mut(key).filter(|file| is_called(&file.path, name))?;
        file.fetched.get_or_insert_with(Instant::now);
        Some(file.path.clone())
    }
}

fn is_called(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|own| own == name)
}

fn sweep(files: &mut HashMap<String, Download>) {
    files.retain(|_, file| match file.fetched {
        Some(fetched) => fetched.elapsed() < KEPT,
        None => file.made.elapsed() < FORGOTTEN,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_key_and_name_alone() {
        let downloads = Downloads::default();
        let path = std::env::temp_dir().join(format!("diptych-download-{}", std::process::id()));
        std::fs::write(&path, b"train").unwrap();
        let key = downloads.add(path.clone()).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(downloads.fetch(&key, name), Some(path.clone()));
        assert_eq!(downloads.fetch(&key, "other"), None);
        assert_eq!(downloads.fetch("00000000", name), None);
        drop(downloads);
        assert!(!path.exists());
    }
}
