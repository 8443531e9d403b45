// ln(p / m) / 2 from ln p and ln q, with m the mean of both; 0 where both underflow.
fn half_log_ratio(ln_p: f32, ln_q: f32) -> f32 {
    let m = 0.5 * (exp_(ln_p) + exp_(ln_q));
    return select(0.5 * (ln_p - ln_(max(m, 1e-37))), 0.0, m < 1e-37);
}
