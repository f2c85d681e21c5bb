//! Pictures of pixels: smaller, of fewer colours, and how far two of them are apart.

use anyhow::{Context, Result, ensure};
use std::io::Cursor;

/// Side of a tile, pixels.
const TILE: usize = 8;
/// Colours that a channel has: five bits.
const STEP: u8 = 8;

/// Pixels of three channels, by rows.
#[derive(Debug, PartialEq)]
pub(crate) struct Pixels {
    pub width: usize,
    pub height: usize,
    channels: Vec<u8>,
}

/// How far two pictures are apart, of 255: all pixels on average, and those of the worst tile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Distance {
    pub mean: f64,
    pub worst: f64,
    /// Place of the worst tile, pixels.
    pub at: (usize, usize),
}

impl Pixels {
    /// Reads a PNG of eight bits a channel.
    pub(crate) fn read(bytes: &[u8]) -> Result<Pixels> {
        let mut decoder = png::Decoder::new(Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
        let mut reader = decoder.read_info()?;
        let mut buffer = vec![0; reader.output_buffer_size().context("too big")?];
        let info = reader.next_frame(&mut buffer)?;
        let samples = info.color_type.samples();
        ensure!(samples >= 3, "a picture without colours");
        let (width, height) = (info.width as usize, info.height as usize);
        let channels = buffer.chunks_exact(samples).flat_map(|pixel| pixel[..3].to_vec()).collect();
        Ok(Pixels { width, height, channels })
    }

    /// Writes a PNG.
    pub(crate) fn write(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut encoder =
            png::Encoder::new(&mut bytes, u32::try_from(self.width)?, u32::try_from(self.height)?);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(png::Compression::High);
        encoder.write_header()?.write_image_data(&self.channels)?;
        Ok(bytes)
    }

    /// Returns a picture of means of `times` by `times` pixels, rounded to fewer colours: small, and nearly the same from
    /// renderers that differ in the edges of letters.
    pub(crate) fn reduced(&self, times: usize) -> Pixels {
        let (width, height) = (self.width / times, self.height / times);
        let mut channels = Vec::with_capacity(width * height * 3);
        for index in 0..width * height * 3 {
            let (x, y, channel) = (index / 3 % width, index / 3 / width, index % 3);
            let of =
                |at: usize| usize::from(self.at(x * times + at % times, y * times + at / times, channel));
            let mean = (0..times * times).map(of).sum::<usize>() / (times * times);
            channels.push((mean.min(255) as u8 / STEP) * STEP + STEP / 2);
        }
        Pixels { width, height, channels }
    }

    fn at(&self, x: usize, y: usize, channel: usize) -> u8 {
        self.channels[(y * self.width + x) * 3 + channel]
    }

    /// Compares two pictures. Errors if they are not of the same size.
    pub(crate) fn distance(&self, other: &Pixels) -> Result<Distance> {
        let size = |of: &Pixels| (of.width, of.height);
        ensure!(size(self) == size(other), "{:?} pixels, not {:?}", size(self), size(other));
        let far = |x: usize, y: usize| {
            let apart = |channel| f64::from(self.at(x, y, channel).abs_diff(other.at(x, y, channel)));
            (0..3).map(apart).fold(0.0, f64::max)
        };
        let (mut sum, mut found) = (0.0, Distance { mean: 0.0, worst: 0.0, at: (0, 0) });
        for top in (0..self.height).step_by(TILE) {
            for left in (0..self.width).step_by(TILE) {
                let (right, bottom) = ((left + TILE).min(self.width), (top + TILE).min(self.height));
                let tile: f64 = (top..bottom).flat_map(|y| (left..right).map(move |x| far(x, y))).sum();
                sum += tile;
                let mean = tile / ((right - left) * (bottom - top)) as f64;
                if mean > found.worst {
                    (found.worst, found.at) = (mean, (left, top));
                }
            }
        }
        found.mean = sum / (self.width * self.height) as f64;
        Ok(found)
    }
}
