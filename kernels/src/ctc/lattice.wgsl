// A lattice of frames and states; the shader binds places.

// The logarithm of no probability at all; a sum of many stays finite.
const NEVER = -1e30;
// A state without a token, and behind the last state of a class.
const NONE = 0xffffffffu;
const SKIPS = 1u;
const FIRST = 2u;

struct Place { first_row: u32, frames: u32, first_state: u32, states: u32, first_cell: u32 }

fn place_of(s: u32) -> Place {
    let at = 5u * s;
    return Place(places[at], places[at + 1u], places[at + 2u], places[at + 3u], places[at + 4u]);
}
