//! Counter-based random words in the blocks that vectorised loops want.

use limbeck_engine::Stream;

/// Channels per call of [`words`]: sixteen lanes of four words.
pub(crate) const CHANNELS: usize = 64;

/// The words of channels `64 * block` to `64 * block + 63` of one row: what
/// [`Stream::word`] gives for each of them.
#[inline(always)]
pub(crate) fn words(stream: Stream, sample: u32, position: u32, block: usize) -> [u32; CHANNELS] {
    let mut lanes = [[0; 4]; CHANNELS / 4];
    let first = (block * lanes.len()) as u32;
    for (four, lane) in (first..).zip(&mut lanes) {
        *lane = stream.block(sample, position, four);
    }
    let mut words = [0; CHANNELS];
    words.copy_from_slice(lanes.as_flattened());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_stream() {
        let stream = Stream::new(5, "words", 2);
        for block in [0, 3] {
            let found = words(stream, 7, 9, block);
            let expected: Vec<u32> = (0..CHANNELS)
                .map(|c| stream.word(7, 9, (block * CHANNELS + c) as u32))
                .collect();
            assert_eq!(found.to_vec(), expected);
        }
    }
}
