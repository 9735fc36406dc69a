//! Pictures made by hand, byte by byte, good ones and such as were made to deceive.

use super::*;

pub(crate) fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut crc = crc32fast::Hasher::new();
    crc.update(kind);
    crc.update(body);
    let length = u32::try_from(body.len()).unwrap();
    [&length.to_be_bytes()[..], kind, body, &crc.finalize().to_be_bytes()].concat()
}

fn head(width: u32, height: u32) -> Vec<u8> {
    chunk(b"IHDR", &[&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat())
}

fn png_of(parts: &[Vec<u8>]) -> Vec<u8> {
    [PNG.to_vec(), parts.concat()].concat()
}

fn good_png() -> Vec<u8> {
    png_of(&[head(28, 28), chunk(b"IDAT", b"pixels"), chunk(b"IEND", b"")])
}

fn gif_of(width: u16, height: u16, frames: usize) -> Vec<u8> {
    let mut bytes =
        [b"GIF89a", &width.to_le_bytes()[..], &height.to_le_bytes(), &[0x80, 0, 0], &[0; 6]].concat();
    bytes.extend([0x21, 0xfe, 2, b'h', b'i', 0]);
    for _ in 0..frames {
        bytes.extend([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 0x01, 0]);
    }
    bytes.push(0x3b);
    bytes
}

fn riff(parts: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut inside = b"WEBP".to_vec();
    for (kind, body) in parts {
        inside.extend(*kind);
        inside.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
        inside.extend(body);
        inside.extend(vec![0; body.len() & 1]);
    }
    [b"RIFF", &u32::try_from(inside.len()).unwrap().to_le_bytes()[..], &inside].concat()
}

fn lossless(width: u32, height: u32) -> (&'static [u8; 4], Vec<u8>) {
    let bits = (width - 1) | (height - 1) << 14;
    (b"VP8L", [&[0x2f][..], &bits.to_le_bytes()].concat())
}

fn lossy(width: u16, height: u16) -> (&'static [u8; 4], Vec<u8>) {
    (b"VP8 ", [&[0, 0, 0, 0x9d, 0x01, 0x2a][..], &width.to_le_bytes(), &height.to_le_bytes()].concat())
}

fn extended(width: u32, height: u32, flags: u8) -> (&'static [u8; 4], Vec<u8>) {
    let low = |side: u32| (side - 1).to_le_bytes()[..3].to_vec();
    (b"VP8X", [vec![flags, 0, 0, 0], low(width), low(height)].concat())
}

#[track_caller]
fn fits(bytes: &[u8], kind: PictureKind, animated: bool) {
    let fit = look(bytes).unwrap();
    assert_eq!((fit.picture.kind, fit.animated), (kind, animated));
    assert_eq!(*fit.picture.bytes, *bytes, "kept as it is");
}

#[test]
fn pictures_are_told_by_their_bytes() {
    fits(&good_png(), PictureKind::Png, false);
    let frame = || chunk(b"fcTL", &[0; 26]);
    let moving = png_of(&[
        head(512, 171),
        chunk(b"acTL", &[0; 8]),
        frame(),
        chunk(b"IDAT", b"p"),
        frame(),
        chunk(b"fdAT", b"pixels"),
        chunk(b"tEXt", b"by hand"),
        chunk(b"IEND", b""),
    ]);
    fits(&moving, PictureKind::Png, true);
    fits(&gif_of(28, 28, 1), PictureKind::Gif, false);
    fits(&gif_of(112, 56, 120), PictureKind::Gif, true);
    fits(&riff(&[lossless(28, 28)]), PictureKind::Webp, false);
    fits(&riff(&[lossy(28, 28)]), PictureKind::Webp, false);
    let frames = |n| vec![(b"ANMF", vec![0; 16]); n];
    let moving = [vec![extended(112, 112, 2), (b"ANIM", vec![0; 6])], frames(2)].concat();
    fits(&riff(&moving), PictureKind::Webp, true);
    let svg = "\u{feff}\n<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'/>";
    assert!(look(svg.trim_start_matches('\u{feff}').as_bytes()).is_ok());
}

#[test]
fn what_is_no_picture_or_more_than_one_is_refused() {
    let behind = |picture: Vec<u8>| [picture, b"<script>alert(1)</script>".to_vec()].concat();
    let mut wrong_sum = good_png();
    *wrong_sum.last_mut().unwrap() ^= 1;
    let mut too_long = good_png();
    too_long[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
    let mut wrong_length = riff(&[lossless(28, 28)]);
    wrong_length[4] ^= 2;
    let frames = |n: usize| [vec![extended(28, 28, 2)], vec![(b"ANMF", vec![]); n]].concat();
    let controls = vec![chunk(b"fcTL", &[]); FRAMES_MAX + 1].concat();
    for (attack, bytes, code) in [
        ("nothing", vec![], "no_picture"),
        ("a page", b"<!doctype html><script>alert(1)</script>".to_vec(), "svg"),
        ("a page that begins like a GIF", b"GIF89a=1;alert(1)//".to_vec(), "dimensions"),
        ("a program", b"\x7fELF\x02\x01\x01".to_vec(), "no_picture"),
        ("a JPEG", b"\xff\xd8\xff\xe0\0\x10JFIF".to_vec(), "no_picture"),
        ("a PDF", b"%PDF-1.7".to_vec(), "no_picture"),
        ("an archive", b"PK\x03\x04".to_vec(), "no_picture"),
        ("text", b"hello".to_vec(), "no_picture"),
        ("no UTF-8", b"<svg\xff/>".to_vec(), "no_picture"),
        ("UTF-16", b"\xff\xfe<\0s\0v\0g\0".to_vec(), "no_picture"),
        ("too many bytes", vec![b'<'; EMOTE_BYTES_MAX + 1], "too_large"),
        ("a head alone", PNG.to_vec(), "broken"),
        ("a PNG with a page behind it", behind(good_png()), "broken"),
        ("a GIF with a page behind it", behind(gif_of(28, 28, 1)), "broken"),
        ("a WebP with a page behind it", behind(riff(&[lossless(28, 28)])), "broken"),
        ("a wrong checksum", wrong_sum, "broken"),
        ("a part of 4 GiB", too_long, "broken"),
        ("no pixels", png_of(&[head(28, 28), chunk(b"IEND", b"")]), "broken"),
        ("no head", png_of(&[chunk(b"IDAT", b"p"), chunk(b"IEND", b"")]), "broken"),
        ("two heads", png_of(&[head(28, 28), head(9_999, 28), chunk(b"IEND", b"")]), "broken"),
        ("a short head", png_of(&[chunk(b"IHDR", b"abc")]), "broken"),
        ("a part nobody knows", png_of(&[head(28, 28), chunk(b"EVIL", b"")]), "broken"),
        ("a huge PNG", png_of(&[head(65_535, 65_535)]), "dimensions"),
        ("an endless side", png_of(&[head(u32::MAX, u32::MAX)]), "dimensions"),
        ("a dot", gif_of(1, 1, 1), "dimensions"),
        ("a ribbon", gif_of(512, 28, 1), "dimensions"),
        ("a huge GIF", gif_of(u16::MAX, u16::MAX, 1), "dimensions"),
        ("a GIF without frames", gif_of(28, 28, 0), "broken"),
        ("a film", gif_of(28, 28, FRAMES_MAX + 1), "frames"),
        ("a film in PNG", png_of(&[head(28, 28), controls]), "frames"),
        ("a film in WebP", riff(&frames(FRAMES_MAX + 1)), "frames"),
        ("a wrong length", wrong_length, "broken"),
        ("a WebP without a picture", riff(&[extended(28, 28, 0)]), "broken"),
        ("an empty WebP", riff(&[]), "broken"),
        ("a huge WebP", riff(&[extended(1 << 24, 1 << 24, 0)]), "dimensions"),
        (
            "a small promise and a huge picture",
            riff(&[extended(28, 28, 0), lossless(9_000, 9_000)]),
            "dimensions",
        ),
        ("a WebP part nobody knows", riff(&[lossless(28, 28), (b"EVIL", vec![])]), "broken"),
        ("a frame that needs another", riff(&[(b"VP8 ", vec![0; 10])]), "broken"),
    ] {
        let unfit = look(&bytes).map(|fit| fit.picture).expect_err(attack);
        assert_eq!(unfit.code(), code, "{attack}: {unfit}");
    }
}

#[test]
fn cut_anywhere_it_is_an_error_and_no_panic() {
    let moving = [vec![extended(28, 28, 2)], vec![(b"ANMF", vec![1; 17]); 2]].concat();
    for whole in [good_png(), gif_of(28, 28, 2), riff(&moving)] {
        for end in 0..whole.len() {
            assert!(look(&whole[..end]).is_err(), "cut at {end}");
        }
        // Any one byte changed: an answer, whatever it is.
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[at] = value;
                let _ = look(&changed);
            }
        }
    }
}
