//! What lies in the folder decides whether the log opens; each "no" is one clear line.

use super::{copy_folder, fill, open, options, read_all, write};
use crate::{
    EventLog, Offset, Partition,
    embedded::{
        EmbeddedLog, OpenError, Options,
        open::FILE_NAME,
        witness::{self, Seen},
    },
};
use redb::{Database, TableDefinition};
use std::{fs, path::Path};
use tempfile::TempDir;

const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");

fn refused(path: &Path) -> OpenError {
    let error = EmbeddedLog::open(path, options()).err().expect("the log must not open");
    let line = error.to_string();
    assert!(!line.contains('\n') && line.contains(&path.display().to_string()), "{line}");
    error
}

#[tokio::test]
async fn a_second_opener_is_told_to_wait() {
    let base = TempDir::new().expect("a temporary folder");
    let log = open(base.path());
    assert!(matches!(refused(base.path()), OpenError::Locked { .. }));
    write(&log, "still works").await.expect("durable");
    log.close().await;
    open(base.path());
}

#[tokio::test]
async fn folders_and_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let base = TempDir::new().expect("a temporary folder");
    let path = base.path().join("data/log");
    let log = open(&path);
    write(&log, "x").await.expect("durable");
    let mode = |path: &Path| fs::metadata(path).expect("it exists").permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&base.path().join("data")), 0o700);
    let mut names = vec![];
    for entry in fs::read_dir(&path).expect("the folder can be read") {
        let entry = entry.expect("an entry");
        assert_eq!(mode(&entry.path()), 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name().into_string().expect("our names are plain"));
    }
    names.sort();
    assert_eq!(names, ["LOCK", "log.redb", "log.seen"]);
}

#[test]
fn other_things_in_its_place_are_named() {
    let base = TempDir::new().expect("a temporary folder");

    let file = base.path().join("a-file");
    fs::write(&file, "hello").expect("written");
    assert!(matches!(refused(&file), OpenError::NotOurs { .. }));

    let folder = base.path().join("a-folder");
    fs::create_dir_all(folder.join(FILE_NAME)).expect("made");
    assert!(matches!(refused(&folder), OpenError::NotOurs { .. }));

    let text = base.path().join("a-text");
    fs::create_dir_all(&text).expect("made");
    fs::write(text.join(FILE_NAME), "not a log at all\n".repeat(1000)).expect("written");
    assert!(matches!(refused(&text), OpenError::NotOurs { .. }));
    assert_eq!(
        fs::read_to_string(text.join(FILE_NAME)).expect("still text").len(),
        17_000,
        "what is not ours is left as it was"
    );

    let foreign = base.path().join("foreign");
    fs::create_dir_all(&foreign).expect("made");
    let db = Database::create(foreign.join(FILE_NAME)).expect("made");
    let transaction = db.begin_write().expect("begun");
    transaction.open_table(TableDefinition::<u64, u64>::new("theirs")).expect("made");
    transaction.commit().expect("committed");
    drop(db);
    assert!(matches!(refused(&foreign), OpenError::NotOurs { .. }));
}

#[tokio::test]
async fn a_newer_format_is_left_to_the_newer_program() {
    let base = TempDir::new().expect("a temporary folder");
    fill(base.path(), 3).await;
    let db = Database::open(base.path().join(FILE_NAME)).expect("opened");
    let transaction = db.begin_write().expect("begun");
    transaction
        .open_table(META)
        .expect("there")
        .insert("format", b"twitchy event log v2".as_slice())
        .expect("written");
    transaction.commit().expect("committed");
    drop(db);
    assert!(matches!(refused(base.path()), OpenError::Newer { found: 2, .. }));
}

#[tokio::test]
async fn the_number_of_partitions_is_fixed() {
    let base = TempDir::new().expect("a temporary folder");
    fill(base.path(), 3).await;
    for asked in [0, 1, 2, 4, 100] {
        let options = Options { partitions: asked, ..options() };
        let error = EmbeddedLog::open(base.path(), options).err().expect("refused");
        assert!(
            matches!(error, OpenError::PartitionsMismatch { found: 3, asked: told, .. } if told == asked)
        );
    }
    open(base.path());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let base = TempDir::new().expect("a temporary folder");
    fs::write(base.path().join("file"), "").expect("written");
    assert!(matches!(refused(&base.path().join("file/log")), OpenError::Io { .. }));
    // Nobody, not even root, makes folders here.
    #[cfg(target_os = "linux")]
    assert!(matches!(refused(Path::new("/proc/twitchy/log")), OpenError::Io { .. }));
}

#[tokio::test]
async fn a_half_made_log_is_made_again() {
    let base = TempDir::new().expect("a temporary folder");
    fs::write(base.path().join("log.redb.new"), "killed while making it").expect("written");
    let log = open(base.path());
    assert_eq!(write(&log, "x").await, Ok(Offset(1)));
}

#[tokio::test]
async fn a_log_that_vanished_is_not_silently_begun_anew() {
    let base = TempDir::new().expect("a temporary folder");
    fill(base.path(), 3).await;
    fs::write(base.path().join(FILE_NAME), "").expect("emptied");
    assert!(matches!(refused(base.path()), OpenError::Damaged { .. }));
    fs::remove_file(base.path().join(FILE_NAME)).expect("removed");
    assert!(matches!(refused(base.path()), OpenError::Damaged { .. }));
}

#[tokio::test]
async fn an_older_copy_of_the_file_is_found_out() {
    let base = TempDir::new().expect("a temporary folder");
    let (now, old) = (base.path().join("now"), base.path().join("old"));
    fill(&now, 100).await;
    copy_folder(&now, &old);
    let log = open(&now);
    write(&log, "one more").await.expect("durable");
    log.close().await;
    drop(log);
    fs::copy(old.join(FILE_NAME), now.join(FILE_NAME)).expect("restored");
    let error = refused(&now);
    assert!(error.to_string().contains("ends at offset 100, but 101 was acknowledged"), "{error}");

    let other = base.path().join("other");
    fill(&other, 200).await;
    fs::copy(other.join(FILE_NAME), now.join(FILE_NAME)).expect("replaced");
    assert!(matches!(refused(&now), OpenError::Damaged { .. }), "another log, though a longer one");

    let log = open(&old);
    assert_eq!(read_all(&log, Partition(0)).await.expect("readable").len(), 100, "a whole copy is a backup");
}

#[tokio::test]
async fn an_unreadable_note_weakens_the_check_only() {
    let base = TempDir::new().expect("a temporary folder");
    fill(base.path(), 10).await;
    let note = base.path().join(witness::NAME);
    assert!(matches!(witness::read(base.path()), Ok(Seen::Offsets { last, .. }) if last == [10, 10, 0]));
    for content in [&b""[..], b"x", b"twseen01", &[0; 100]] {
        fs::write(&note, content).expect("written");
        assert!(matches!(witness::read(base.path()), Ok(Seen::Unreadable)));
        let log = open(base.path());
        assert_eq!(log.bounds(Partition(0)).expect("it exists").last, Offset(10));
        log.close().await;
        assert!(matches!(witness::read(base.path()), Ok(Seen::Offsets { last, .. }) if last == [10, 10, 0]));
    }
}
