//! Writing under a temporary name, syncing, renaming.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Result, TrainingError};

/// The ending of every temporary name, so that leftovers of a killed process can be recognised.
const PARTIAL: &str = ".partial";

/// Replaces `path` by a file of these bytes.
///
/// # Errors
/// Names the path and the cause; the former file is then as it was.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomic_with(path, |writer| writer.write_all(bytes))
}

/// Replaces `path` by what `fill` writes.
///
/// # Errors
/// Names the path and the cause (`fill`'s error included); the former file is then as it was.
pub fn write_atomic_with(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    let partial = partial_name(path)?;
    let attempt = write_and_sync(&partial, fill)
        .and_then(|()| fs::rename(&partial, path))
        .and_then(|()| sync_folder(parent(path)));
    if attempt.is_err() {
        // Best effort: the error that matters is the one already at hand.
        let _ = fs::remove_file(&partial);
    }
    attempt.map_err(TrainingError::io("write", path))
}

fn write_and_sync(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut writer = BufWriter::new(File::create_new(path)?);
    fill(&mut writer)?;
    writer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .sync_all()
}

/// Puts a whole folder in place at once: `fill` writes into a temporary one, which then takes the
/// name `path`. A former folder of that name is replaced, which takes two renames: a process
/// killed exactly between them leaves no folder of that name.
///
/// # Errors
/// Names the path and the cause, or is `fill`'s error; the former folder is then as it was.
pub fn write_folder(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let partial = partial_name(path)?;
    let attempt = fs::create_dir_all(&partial)
        .map_err(TrainingError::io("create", path))
        .and_then(|()| fill(&partial))
        .and_then(|()| {
            sync_tree(&partial)
                .and_then(|()| put_in_place(&partial, path))
                .map_err(TrainingError::io("write", path))
        });
    if attempt.is_err() {
        let _ = fs::remove_dir_all(&partial);
    }
    attempt
}

/// No system renames a folder onto one that is not empty, so the former one steps aside first.
fn put_in_place(partial: &Path, path: &Path) -> io::Result<()> {
    if !path.exists() {
        fs::rename(partial, path)?;
        return sync_folder(parent(path));
    }
    let mut former = partial.as_os_str().to_owned();
    former.push("-former");
    former.push(PARTIAL);
    fs::rename(path, &former)?;
    if let Err(error) = fs::rename(partial, path) {
        fs::rename(&former, path)?;
        return Err(error);
    }
    sync_folder(parent(path))?;
    fs::remove_dir_all(&former)
}

/// Removes a folder and all in it. It loses its name at once, so that nobody ever finds half of it.
///
/// # Errors
/// If it cannot be renamed or removed.
pub fn remove_folder(path: &Path) -> Result<()> {
    let partial = partial_name(path)?;
    fs::rename(path, &partial)
        .and_then(|()| fs::remove_dir_all(&partial))
        .map_err(TrainingError::io("remove", path))
}

/// Removes what interrupted writes of earlier processes left in `folder`. Call it only while no
/// other process writes there.
///
/// # Errors
/// If the folder cannot be listed or a leftover cannot be removed.
pub fn remove_partials(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(TrainingError::io("list", folder))? {
        let path = entry.map_err(TrainingError::io("list", folder))?.path();
        if !is_partial(&path) {
            continue;
        }
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.map_err(TrainingError::io("remove", &path))?;
    }
    Ok(())
}

/// Whether a name is that of an unfinished write.
pub(crate) fn is_partial(path: &Path) -> bool {
    path.file_name().is_some_and(|name| {
        let name = name.to_string_lossy();
        name.starts_with('.') && name.ends_with(PARTIAL)
    })
}

/// `.NAME.PROCESS-COUNT.partial` beside `path`: no two writes share one.
fn partial_name(path: &Path) -> Result<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let Some(name) = path.file_name() else {
        let cause = io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name");
        return Err(TrainingError::io("write", path)(cause));
    };
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = name.to_string_lossy();
    Ok(path.with_file_name(format!(".{name}.{}-{count}{PARTIAL}", std::process::id())))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Syncs every file and folder below `folder`, and itself.
fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sync_tree(&path)?;
        } else {
            // Opened for writing, since Windows flushes no read-only handle.
            File::options().write(true).open(&path)?.sync_all()?;
        }
    }
    sync_folder(folder)
}

/// Makes renames in `folder` survive a power cut.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened as a file, and the file system orders renames itself.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn full_disk(writer: &mut dyn Write) -> io::Result<()> {
        writer.write_all(b"half of the new conte")?;
        Err(io::ErrorKind::StorageFull.into())
    }

    #[test]
    fn a_full_disk_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.json");
        write_atomic(&path, b"old").unwrap();
        let error = write_atomic_with(&path, full_disk).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("results.json"), "{message}");
        assert!(message.contains("no storage space"), "{message}");
        assert_eq!(error.exit_code(), 1);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["results.json"]);
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("best");
        write_atomic(&path, b"a long first line").unwrap();
        write_atomic(&path, b"short").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"short");
        assert_eq!(names(folder.path()), ["best"]);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none").join("best");
        let message = write_atomic(&path, b"x").unwrap_err().to_string();
        assert!(
            message.contains("cannot write") && message.contains("best"),
            "{message}"
        );
        assert!(write_atomic(Path::new("/"), b"x").is_err());
    }

    #[test]
    fn a_folder_that_fails_half_way_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        write_folder(&path, |new| write_atomic(&new.join("a"), b"old")).unwrap();
        let failed = write_folder(&path, |new| {
            write_atomic(&new.join("a"), b"new")?;
            write_atomic_with(&new.join("b"), full_disk)
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(path.join("a")).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["model"]);
    }

    #[test]
    fn a_folder_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        write_folder(&path, |new| write_atomic(&new.join("old"), b"1")).unwrap();
        write_folder(&path, |new| {
            fs::create_dir(new.join("student")).unwrap();
            write_atomic(&new.join("student").join("weights"), b"2")
        })
        .unwrap();
        assert_eq!(names(&path), ["student"]);
        assert_eq!(fs::read(path.join("student/weights")).unwrap(), b"2");
        assert_eq!(names(folder.path()), ["model"]);
    }

    #[test]
    fn leftovers_of_a_killed_process_are_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let left = partial_name(&folder.path().join("state")).unwrap();
        fs::create_dir_all(left.join("inside")).unwrap();
        fs::write(partial_name(&folder.path().join("best")).unwrap(), b"x").unwrap();
        fs::write(folder.path().join("notes.partial"), b"a user's own").unwrap();
        remove_partials(folder.path()).unwrap();
        assert_eq!(names(folder.path()), ["notes.partial"]);
    }
}
