//! Is an upload a picture that may be shown to everyone? What it is, is read from its bytes; names and headers say nothing.
//!
//! Pixel formats are walked through from their first byte to their last: every part has its length, nothing stands behind
//! the end, sides and frames are bounded. The pixels themselves are the browser's business. Start with [`look`].

use super::svg;
use chat::emotes::{Picture, PictureKind};
use protocol::limits::EMOTE_BYTES_MAX;

/// Shortest and longest side, in pixels: shown at 28 to 112.
const SIDE: std::ops::RangeInclusive<u32> = 16..=512;
/// Frames of a moving picture: 512 × 512 pixels of 4 bytes, 120 times, are 126 MB in a browser that keeps them all.
const FRAMES_MAX: usize = 120;

/// Why it may not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Above [`EMOTE_BYTES_MAX`].
    #[error("a picture has at most {EMOTE_BYTES_MAX} bytes")]
    TooLarge,
    /// None of the formats.
    #[error("it is none of SVG, PNG, GIF and WebP")]
    NoPicture,
    /// Cut off, or not as its format wants it.
    #[error("it is not a whole {0}: {1}")]
    Broken(&'static str, &'static str),
    /// Too small, too large or too long.
    #[error(
        "it is {width} × {height}; each side has 16 to 512 pixels, and none is more than three times the other"
    )]
    Side {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// Too many pictures in one.
    #[error("it has more than {FRAMES_MAX} frames")]
    Frames,
    /// An SVG with something in it that is no drawing.
    #[error("the SVG: {0}")]
    Svg(#[from] svg::Unfit),
}

impl Unfit {
    /// The stable word for a field's error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::NoPicture => "no_picture",
            Self::Broken(..) => "broken",
            Self::Side { .. } => "dimensions",
            Self::Frames => "frames",
            Self::Svg(_) => "svg",
        }
    }
}

/// A picture that may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// It.
    pub picture: Picture,
    /// Does it move?
    pub animated: bool,
}

/// Looks at the bytes.
///
/// # Errors
/// See [`Unfit`].
pub fn look(bytes: &[u8]) -> Result<Fit, Unfit> {
    if bytes.len() > EMOTE_BYTES_MAX {
        return Err(Unfit::TooLarge);
    }
    let (kind, animated) = if bytes.starts_with(PNG) {
        (PictureKind::Png, png(bytes)?)
    } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        (PictureKind::Gif, gif(bytes)?)
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        (PictureKind::Webp, webp(bytes)?)
    } else {
        let text = std::str::from_utf8(bytes).map_err(|_| Unfit::NoPicture)?;
        if !text.trim_start_matches('\u{feff}').trim_start().starts_with('<') {
            return Err(Unfit::NoPicture);
        }
        (PictureKind::Svg, svg::look(text)?)
    };
    Ok(Fit { picture: Picture { kind, bytes: bytes.into() }, animated })
}

fn side(width: u32, height: u32) -> Result<(), Unfit> {
    let good = SIDE.contains(&width) && SIDE.contains(&height) && width <= 3 * height && height <= 3 * width;
    if good { Ok(()) } else { Err(Unfit::Side { width, height }) }
}

/// Reads on in the bytes; what is not there is an error of the format.
struct Reader<'a> {
    format: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Unfit> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(self.broken("it is cut off"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unfit> {
        self.take(N).map(|bytes| bytes.try_into().expect("as many were taken"))
    }

    fn byte(&mut self) -> Result<u8, Unfit> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn broken(&self, why: &'static str) -> Unfit {
        Unfit::Broken(self.format, why)
    }

    fn at_end(&self) -> Result<(), Unfit> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.broken("something stands behind its end")) }
    }
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

fn png(bytes: &[u8]) -> Result<bool, Unfit> {
    let mut reader = Reader { format: "PNG", rest: bytes };
    reader.take(PNG.len())?;
    let (mut first, mut data, mut animated, mut frames) = (true, false, false, 0);
    loop {
        let length = u32::from_be_bytes(reader.array()?) as usize;
        let kind: [u8; 4] = reader.array()?;
        let body = reader.take(length)?;
        let sum = u32::from_be_bytes(reader.array()?);
        let mut crc = crc32fast::Hasher::new();
        crc.update(&kind);
        crc.update(body);
        if crc.finalize() != sum {
            return Err(reader.broken("a checksum is wrong"));
        }
        match &kind {
            b"IHDR" if first => {
                let (width, rest) = body.split_first_chunk().ok_or(reader.broken("its head is short"))?;
                let height = rest.first_chunk().ok_or(reader.broken("its head is short"))?;
                side(u32::from_be_bytes(*width), u32::from_be_bytes(*height))?;
            }
            _ if first => return Err(reader.broken("it has no head")),
            b"IDAT" => data = true,
            b"acTL" if !data => animated = true,
            b"fcTL" => frames += 1,
            b"IEND" if data => break,
            // A critical part that is not known: no browser would show it.
            b"IHDR" | b"IEND" => return Err(reader.broken("its parts are out of order")),
            _ if kind[0].is_ascii_uppercase() && &kind != b"PLTE" => {
                return Err(reader.broken("it has a part that is not known"));
            }
            _ => {}
        }
        first = false;
        if frames > FRAMES_MAX {
            return Err(Unfit::Frames);
        }
    }
    reader.at_end()?;
    Ok(animated && frames > 1)
}

fn gif(bytes: &[u8]) -> Result<bool, Unfit> {
    let mut reader = Reader { format: "GIF", rest: bytes };
    reader.take(6)?;
    let [w0, w1, h0, h1, flags, _, _] = reader.array()?;
    side(u16::from_le_bytes([w0, w1]).into(), u16::from_le_bytes([h0, h1]).into())?;
    color_table(&mut reader, flags)?;
    let mut frames = 0;
    loop {
        match reader.byte()? {
            0x2c => {
                frames += 1;
                if frames > FRAMES_MAX {
                    return Err(Unfit::Frames);
                }
                let [_, _, _, _, _, _, _, _, flags] = reader.array()?;
                color_table(&mut reader, flags)?;
                reader.byte()?;
                blocks(&mut reader)?;
            }
            0x21 => {
                reader.byte()?;
                blocks(&mut reader)?;
            }
            0x3b if frames > 0 => break,
            0x3b => return Err(reader.broken("it has no frame")),
            _ => return Err(reader.broken("a part of no known kind")),
        }
    }
    reader.at_end()?;
    Ok(frames > 1)
}

fn color_table(reader: &mut Reader<'_>, flags: u8) -> Result<(), Unfit> {
    if flags & 0x80 != 0 {
        reader.take(3 << ((flags & 7) + 1))?;
    }
    Ok(())
}

fn blocks(reader: &mut Reader<'_>) -> Result<(), Unfit> {
    loop {
        match reader.byte()? {
            0 => return Ok(()),
            length => reader.take(length.into())?,
        };
    }
}

fn webp(bytes: &[u8]) -> Result<bool, Unfit> {
    let mut reader = Reader { format: "WebP", rest: bytes };
    reader.take(4)?;
    let length = u32::from_le_bytes(reader.array()?) as usize;
    if length != reader.rest.len() {
        return Err(reader.broken("its length is wrong"));
    }
    reader.take(4)?;
    let (mut size, mut animated, mut frames) = (None, false, 0);
    while !reader.rest.is_empty() {
        let kind: [u8; 4] = reader.array()?;
        let length = u32::from_le_bytes(reader.array()?) as usize;
        let mut body = Reader { format: "WebP", rest: reader.take(length)? };
        reader.take(length & 1)?;
        let found = match &kind {
            b"VP8X" => {
                let [flags, _, _, _, w0, w1, w2, h0, h1, h2] = body.array()?;
                animated = flags & 2 != 0;
                Some((1 + u32::from_le_bytes([w0, w1, w2, 0]), 1 + u32::from_le_bytes([h0, h1, h2, 0])))
            }
            b"VP8 " => {
                let [_, _, _, s0, s1, s2, w0, w1, h0, h1] = body.array()?;
                if [s0, s1, s2] != [0x9d, 0x01, 0x2a] {
                    return Err(body.broken("it does not begin with a whole frame"));
                }
                frames += 1;
                let pixels = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
                Some((pixels(w0, w1), pixels(h0, h1)))
            }
            b"VP8L" => {
                let [sign, b0, b1, b2, b3] = body.array()?;
                if sign != 0x2f {
                    return Err(body.broken("its head is wrong"));
                }
                frames += 1;
                let bits = u32::from_le_bytes([b0, b1, b2, b3]);
                Some((1 + (bits & 0x3fff), 1 + (bits >> 14 & 0x3fff)))
            }
            b"ANMF" => {
                frames += 1;
                None
            }
            b"ANIM" | b"ALPH" | b"ICCP" | b"EXIF" | b"XMP " => None,
            _ => return Err(body.broken("a part of no known kind")),
        };
        if let Some((width, height)) = found {
            side(width, height)?;
            size = size.or(found);
        }
        if frames > FRAMES_MAX {
            return Err(Unfit::Frames);
        }
    }
    if size.is_none() || frames == 0 {
        return Err(reader.broken("there is no picture in it"));
    }
    Ok(animated && frames > 1)
}

#[cfg(test)]
mod tests;
