//! What can be said about products: the cues of each class, from `concepts.tsv`.
//!
//! A line of that file is `class<TAB>kind<TAB>English wordings<TAB>Chinese wordings`, wordings
//! separated by ` | `. The first concepts of a class are told more often than the last.

use super::Language;

const TABLE: &str = include_str!("concepts.tsv");

/// Names of the classes, in the order of the table.
const CLASSES: [(&str, &str); 8] = [
    ("solvent", "溶剂"),
    ("pigment", "颜料"),
    ("polymer", "聚合物"),
    ("surfactant", "表面活性剂"),
    ("adhesive", "胶粘剂"),
    ("catalyst", "催化剂"),
    ("preservative", "防腐剂"),
    ("flame retardant", "阻燃剂"),
];

/// Whether a concept says what a product is for, or what it is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Use,
    Trait,
}

/// One thing that can be said, in several wordings.
#[derive(Clone, Debug)]
pub(super) struct Concept {
    pub(super) role: Role,
    pub(super) wordings: Vec<&'static str>,
}

/// A class and its cues.
#[derive(Clone, Debug)]
pub(super) struct Class {
    pub(super) name: &'static str,
    pub(super) concepts: Vec<Concept>,
}

/// All classes in one language, sorted by name as everywhere else.
pub(super) fn classes(language: Language) -> Vec<Class> {
    let mut classes: Vec<Class> = CLASSES
        .iter()
        .map(|(english, chinese)| {
            let name = match language {
                Language::English => english,
                Language::Chinese => chinese,
            };
            Class {
                name,
                concepts: concepts(english, language),
            }
        })
        .collect();
    classes.sort_by_key(|class| class.name);
    classes
}

fn concepts(class: &str, language: Language) -> Vec<Concept> {
    let of_class = TABLE
        .lines()
        .filter_map(|line| line.strip_prefix(class)?.strip_prefix('\t'));
    let mut concepts: Vec<Concept> = of_class
        .filter_map(|rest| {
            let (role, wordings) = rest.split_once('\t')?;
            let (english, chinese) = wordings.split_once('\t')?;
            let role = if role == "use" {
                Role::Use
            } else {
                Role::Trait
            };
            let wordings = match language {
                Language::English => english,
                Language::Chinese => chinese,
            };
            Some(Concept {
                role,
                wordings: wordings.split(" | ").collect(),
            })
        })
        .collect();
    // The table lists uses first; a class is known by both alike.
    let traits = concepts.split_off(concepts.len() / 2);
    concepts
        .into_iter()
        .zip(traits)
        .flat_map(|(a, b)| [a, b])
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_is_well_formed() {
        for language in [Language::English, Language::Chinese] {
            let classes = classes(language);
            assert_eq!(classes.len(), 8);
            let mut phrases = BTreeSet::new();
            for class in &classes {
                assert_eq!(class.concepts.len(), 24, "{}", class.name);
                for role in [Role::Use, Role::Trait] {
                    let count = class.concepts.iter().filter(|c| c.role == role).count();
                    assert_eq!(count, 12, "{}", class.name);
                }
                for wording in class.concepts.iter().flat_map(|concept| &concept.wordings) {
                    assert!(phrases.insert(*wording), "{wording:?} stands twice");
                    let gives_away = classes.iter().any(|class| wording.contains(class.name));
                    assert!(!gives_away, "{wording:?} names a class");
                }
                assert!(
                    class
                        .concepts
                        .iter()
                        .all(|concept| concept.wordings.len() >= 2)
                );
            }
        }
        assert_eq!(TABLE.lines().count(), 8 * 24);
    }
}
