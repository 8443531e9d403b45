//! The correspondence of convolution blocks and Transformer layers.

use serde::{Deserialize, Serialize};

/// Which Transformer layer each convolution block learns from, ordered by depth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected \"uniform\", \"last\", \"first\", \"identity\" or a list of layer numbers"
)]
pub enum LayerMap {
    /// A rule.
    Named(NamedLayerMap),
    /// The layer of each block, counted from 1.
    List(Vec<usize>),
}

/// The rules by which blocks choose their layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedLayerMap {
    /// m(k) = round(k L / K).
    Uniform,
    /// The K deepest layers.
    Last,
    /// The K first layers.
    First,
    /// Block k learns from layer k; the two depths must be equal.
    Identity,
}

impl LayerMap {
    /// The layers (counted from 1) that `blocks` blocks learn from in a teacher of `layers` layers.
    ///
    /// # Errors
    /// A message, when there are more blocks than layers, or when the map is not strictly
    /// increasing within 1..=`layers`.
    ///
    /// ```
    /// use limbeck_recipes::layerwise::{LayerMap, NamedLayerMap};
    /// let uniform = LayerMap::Named(NamedLayerMap::Uniform);
    /// assert_eq!(uniform.layers(4, 12), Ok(vec![3, 6, 9, 12]));
    /// assert!(uniform.layers(5, 4).is_err());
    /// ```
    pub fn layers(&self, blocks: usize, layers: usize) -> Result<Vec<usize>, String> {
        if blocks > layers {
            return Err(format!(
                "expected at most as many convolution blocks as Transformer layers ({layers}), \
                 found {blocks} blocks"
            ));
        }
        match self {
            // Integer form of round(k L / K): halves go up.
            Self::Named(NamedLayerMap::Uniform) => Ok((1..=blocks)
                .map(|k| (2 * k * layers + blocks) / (2 * blocks))
                .collect()),
            Self::Named(NamedLayerMap::Last) => Ok((layers - blocks + 1..=layers).collect()),
            Self::Named(NamedLayerMap::First) => Ok((1..=blocks).collect()),
            Self::Named(NamedLayerMap::Identity) if blocks == layers => Ok((1..=blocks).collect()),
            Self::Named(NamedLayerMap::Identity) => Err(format!(
                "\"identity\" needs as many blocks as layers, found {blocks} blocks and {layers} \
                 layers"
            )),
            Self::List(list) => {
                let increasing = list.windows(2).all(|pair| pair[0] < pair[1]);
                let inside = list.iter().all(|layer| (1..=layers).contains(layer));
                if list.len() == blocks && increasing && inside {
                    return Ok(list.clone());
                }
                Err(format!(
                    "expected {blocks} strictly increasing layer numbers from 1 to {layers}, \
                     found {list:?}"
                ))
            }
        }
    }
}
