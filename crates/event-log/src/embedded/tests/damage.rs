//! Damage is told, never taken for the end: whatever is flipped or cut, a log opens with all its records, or it says
//! that it does not, or a read says so.

use super::{assert_texts, copy_folder, fill, open, options, read_all, text, write_texts};
use crate::{
    EventLog, Offset, Partition, ReadError,
    embedded::{EmbeddedLog, OpenError, open::FILE_NAME, witness},
};
use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
    path::Path,
};
use tempfile::TempDir;

const RECORDS: u64 = 200;

fn flip(path: &Path, position: u64, bit: u32) {
    let file = OpenOptions::new().read(true).write(true).open(path).expect("opened");
    let mut byte = [0];
    file.read_exact_at(&mut byte, position).expect("inside the file");
    file.write_all_at(&[byte[0] ^ (1 << bit)], position).expect("written");
}

/// Where the (only) copy of a text lies in the file.
fn find(path: &Path, needle: &str) -> Vec<u64> {
    let bytes = fs::read(path).expect("read");
    let places = bytes.windows(needle.len()).enumerate().filter(|(_, w)| *w == needle.as_bytes());
    places.map(|(at, _)| at as u64).collect()
}

#[tokio::test]
async fn a_flipped_bit_in_a_payload_is_told_where_it_is() {
    let base = TempDir::new().expect("a temporary folder");
    fill(base.path(), RECORDS).await;
    let file = base.path().join(FILE_NAME);
    let places = find(&file, &text(0, 50));
    assert!(!places.is_empty(), "the record is in the file");
    for place in places {
        flip(&file, place + 30, 3);
    }
    let log = open(base.path());
    let page = log.read(Partition(0), Offset(0), 1000, 1 << 20).await.expect("what is in front is sound");
    assert_eq!(page.len(), 49);
    assert_texts(&page, 0);
    let error = log.read(Partition(0), Offset(49), 1000, 1 << 20).await;
    assert!(matches!(error, Err(ReadError::Damaged { at: Offset(50), .. })), "{error:?}");
    let behind = log.read(Partition(0), Offset(50), 1000, 1 << 20).await.expect("what is behind is sound");
    assert_eq!(behind.len(), 150);
    assert_eq!(read_all(&log, Partition(1)).await.expect("readable").len(), 200, "the others are whole");
}

#[tokio::test]
async fn a_damaged_newest_record_stops_the_start() {
    let base = TempDir::new().expect("a temporary folder");
    fill(base.path(), RECORDS).await;
    let file = base.path().join(FILE_NAME);
    for place in find(&file, &text(1, RECORDS)) {
        flip(&file, place + 5, 0);
    }
    let error = EmbeddedLog::open(base.path(), options()).err().expect("the log must not open");
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("partition 1, offset 200"), "{error}");
}

/// Opens a damaged copy. Damage may be refused, or told by a read; what is read must be right, and all of it.
async fn check(folder: &Path, what: &str) -> &'static str {
    let log = match EmbeddedLog::open(folder, options()) {
        Ok(log) => log,
        Err(OpenError::Damaged { .. }) => return "start refused",
        Err(OpenError::NotOurs { .. } | OpenError::Newer { .. } | OpenError::PartitionsMismatch { .. }) => {
            return "not taken for ours";
        }
        Err(OpenError::Io { .. }) => return "file system error",
        Err(other) => panic!("{what}: {other}"),
    };
    let mut outcome = "no harm";
    for partition in [0, 1] {
        match read_all(&log, Partition(partition)).await {
            Ok(records) => {
                assert_texts(&records, partition);
                assert_eq!(
                    records.len() as u64,
                    RECORDS,
                    "{what}: a shorter log was taken for the whole one"
                );
            }
            Err(ReadError::Damaged { .. }) => outcome = "told by a read",
            Err(other) => panic!("{what}: {other}"),
        }
    }
    log.close().await;
    outcome
}

/// Two images of the same log: closed, and as a killed process leaves it.
async fn images(base: &Path) -> [std::path::PathBuf; 2] {
    let (closed, killed) = (base.join("closed"), base.join("killed"));
    fill(&closed, RECORDS).await;
    let log = open(&base.join("open"));
    write_texts(&log, RECORDS).await;
    copy_folder(&base.join("open"), &killed);
    [closed, killed]
}

/// The library alone (two-phase commits) finds all but a flip of the flags in the header, which say which of the two
/// newest states is valid; the note of the newest offsets finds that as well.
const FLAGS: u64 = 9;

#[tokio::test]
async fn no_flipped_bit_anywhere_shortens_the_log() {
    flip_everywhere(|_| true, |_| {}).await;
}

#[tokio::test]
async fn without_the_note_no_flipped_bit_but_the_flags_shortens_the_log() {
    let forget = |folder: &Path| fs::remove_file(folder.join(witness::NAME)).expect("removed");
    flip_everywhere(|position| position != FLAGS, forget).await;
}

async fn flip_everywhere(flips: impl Fn(u64) -> bool, prepare: impl Fn(&Path)) {
    // A bit of every byte of the header's fields, of every third one of its two slots, and one of every 5,003 bytes after
    // it: some of each kind of page.
    const FIELDS_BYTES: u64 = 64;
    const HEADER_BYTES: u64 = 320;
    const STRIDE: usize = 5003;
    let base = TempDir::new().expect("a temporary folder");
    let copy = base.path().join("copy");
    for image in images(base.path()).await {
        let length = fs::metadata(image.join(FILE_NAME)).expect("it exists").len();
        let mut outcomes = std::collections::BTreeMap::new();
        let header = (0..FIELDS_BYTES).chain((FIELDS_BYTES..HEADER_BYTES).step_by(3));
        let positions = header.chain((HEADER_BYTES..length).step_by(STRIDE));
        for position in positions.filter(|p| flips(*p)) {
            let bits = if position == FLAGS { 0..8 } else { 0..1 };
            for bit in bits {
                let bit = (bit + u32::try_from(position % 8).expect("below 8")) % 8;
                copy_folder(&image, &copy);
                prepare(&copy);
                flip(&copy.join(FILE_NAME), position, bit);
                let what = format!("{image:?}, bit {bit} of byte {position}");
                *outcomes.entry(check(&copy, &what).await).or_insert(0) += 1;
                fs::remove_dir_all(&copy).expect("removed");
            }
        }
        println!("{image:?}: {outcomes:?}");
        assert!(outcomes.contains_key("start refused"), "the test reaches what matters");
    }
}

#[tokio::test]
async fn a_cut_file_is_told_or_whole() {
    let base = TempDir::new().expect("a temporary folder");
    let copy = base.path().join("copy");
    for image in images(base.path()).await {
        let length = fs::metadata(image.join(FILE_NAME)).expect("it exists").len();
        let lengths = (1..60).map(|i| length * i / 60);
        for cut in [1, 8, 9, 63, 64, 319, 320, 4095, 4096].into_iter().chain(lengths).chain([length - 1]) {
            copy_folder(&image, &copy);
            let file = OpenOptions::new().write(true).open(copy.join(FILE_NAME)).expect("opened");
            file.set_len(cut).expect("cut");
            drop(file);
            check(&copy, &format!("{image:?}, cut to {cut}")).await;
            fs::remove_dir_all(&copy).expect("removed");
        }
    }
}

#[tokio::test]
async fn the_note_alone_does_not_shorten_the_log_either() {
    let base = TempDir::new().expect("a temporary folder");
    let [closed, _] = images(base.path()).await;
    let copy = base.path().join("copy");
    let length = fs::metadata(closed.join(witness::NAME)).expect("it exists").len();
    for position in 0..length {
        copy_folder(&closed, &copy);
        flip(&copy.join(witness::NAME), position, 2);
        assert_eq!(check(&copy, "the note").await, "no harm");
        fs::remove_dir_all(&copy).expect("removed");
    }
}
