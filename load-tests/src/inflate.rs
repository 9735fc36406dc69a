//! Messages of a server that compresses them (RFC 7692), each by itself: no side keeps a window from one to the next.
//!
//! One buffer for all connections of a worker, since a message is judged and forgotten before the next. It knows no socket.

use crate::ws::FRAME_BYTES_MAX;
use flate2::{Decompress, FlushDecompress, Status};

/// What every compressed message would end with, and therefore none does.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// Of the buffer at first; it doubles as often as a message needs it.
const BYTES: usize = 64 * 1024;

/// Makes messages what they were.
pub struct Inflater {
    decompress: Decompress,
    out: Vec<u8>,
}

impl Inflater {
    pub fn new() -> Self {
        Self { decompress: Decompress::new(false), out: Vec::with_capacity(BYTES) }
    }

    /// A message as it was; none if it is no such thing, or longer than a frame may be.
    pub fn inflate(&mut self, content: &[u8]) -> Option<&[u8]> {
        let Self { decompress, out } = self;
        decompress.reset(false);
        out.clear();
        for mut part in [content, &TAIL] {
            loop {
                if out.len() == out.capacity() {
                    if out.len() as u64 >= FRAME_BYTES_MAX {
                        return None;
                    }
                    out.reserve(out.len());
                }
                let before = (decompress.total_in(), out.len());
                let status = decompress.decompress_vec(part, out, FlushDecompress::Sync).ok()?;
                let taken = usize::try_from(decompress.total_in() - before.0).ok()?;
                part = part.get(taken..)?;
                if part.is_empty() && out.len() < out.capacity() {
                    break;
                }
                // Without a window that lasts nobody ends a stream.
                if status == Status::StreamEnd
                    || (taken == 0 && out.len() == before.1 && out.len() < out.capacity())
                {
                    return None;
                }
            }
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};

    fn deflated(content: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(content.len() + 1024);
        let mut compress = Compress::new(Compression::default(), false);
        compress.compress_vec(content, &mut out, FlushCompress::Sync).expect("plain bytes");
        out.strip_suffix(&TAIL).expect("what was flushed ends so").to_vec()
    }

    #[test]
    fn messages_of_any_length_come_out_one_after_the_other() {
        let mut inflater = Inflater::new();
        for length in [0, 1, 600, BYTES - 1, BYTES, BYTES + 1, 5 * BYTES] {
            let content: Vec<u8> = (0_u8..=250).cycle().take(length).collect();
            assert_eq!(inflater.inflate(&deflated(&content)), Some(content.as_slice()), "{length}");
        }
    }

    #[test]
    fn what_is_not_compressed_is_refused_and_so_is_what_is_cut_off() {
        let mut inflater = Inflater::new();
        assert_eq!(inflater.inflate(b"\xff\xff\xff"), None);
        let whole = deflated(&[b'a'; 100_000]);
        assert_ne!(inflater.inflate(&whole[..whole.len() / 2]).map(<[u8]>::len), Some(100_000));
        let bomb = deflated(&vec![0; usize::try_from(FRAME_BYTES_MAX).expect("it fits") * 2 + 1]);
        assert_eq!(inflater.inflate(&bomb), None, "longer than a frame may be");
    }
}
