//! Which tag may stand after which.

use limbeck_data::tagging::Scheme;

/// Low enough that no difference of two scores outweighs it.
const FORBIDDEN: f32 = -1e4;

/// Which tag may stand after which: those that begin, continue and end spans as the scheme says.
pub(super) fn constraint(names: &[String], scheme: Scheme) -> Vec<f32> {
    let tags: Vec<(&str, &str)> = names.iter().map(|name| parts(name)).collect();
    let allowed = |from: Option<(&str, &str)>, to: Option<(&str, &str)>| match scheme {
        Scheme::Bioes => {
            let open = from.filter(|(prefix, _)| matches!(*prefix, "B" | "I"));
            let goes_on = to.filter(|(prefix, _)| matches!(*prefix, "I" | "E"));
            match (open, goes_on) {
                (None, None) => true,
                (Some((_, a)), Some((_, b))) => a == b,
                _ => false,
            }
        }
        Scheme::Iob2 => match to {
            Some(("I", kind)) => from.is_some_and(|(prefix, a)| prefix != "O" && a == kind),
            _ => true,
        },
        _ => true,
    };
    let score = |allowed: bool| if allowed { 0.0 } else { FORBIDDEN };
    let mut scores = Vec::with_capacity((tags.len() + 2) * tags.len());
    for &from in &tags {
        scores.extend(tags.iter().map(|&to| score(allowed(Some(from), Some(to)))));
    }
    scores.extend(tags.iter().map(|&to| score(allowed(None, Some(to)))));
    scores.extend(tags.iter().map(|&from| score(allowed(Some(from), None))));
    scores
}

/// Prefix and type of a tag.
pub(super) fn parts(tag: &str) -> (&str, &str) {
    tag.split_once('-').unwrap_or((tag, ""))
}
