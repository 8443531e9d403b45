// ln of the sum over the states that lead to state s, from alpha of a frame that begins at `cell`.
fn arrive(place: Place, cell: u32, s: u32) -> f32 {
    let staying = alpha[cell + s];
    var going = NEVER;
    var skipping = NEVER;
    if s > 0u {
        going = alpha[cell + s - 1u];
    }
    if (states[4u * (place.first_state + s) + 2u] & SKIPS) != 0u {
        skipping = alpha[cell + s - 2u];
    }
    let largest = max(max(staying, going), skipping);
    let sum = exp_(staying - largest) + exp_(going - largest) + exp_(skipping - largest);
    return largest + ln_(sum);
}
