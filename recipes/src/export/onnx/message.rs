//! The messages of an ONNX file, as far as they are written here. The numbers are the field numbers of
//! `onnx.proto3`, the schema that the ONNX project publishes. Lists of numbers are written one by one, as
//! the older form of the schema has them: there are readers that know nothing else.

/// A model: the whole file.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Model {
    /// Version of the file format.
    #[prost(int64, tag = "1")]
    pub(super) ir_version: i64,
    #[prost(string, tag = "2")]
    pub(super) producer_name: String,
    #[prost(string, tag = "3")]
    pub(super) producer_version: String,
    #[prost(string, tag = "6")]
    pub(super) doc_string: String,
    #[prost(message, optional, tag = "7")]
    pub(super) graph: Option<Graph>,
    /// The versions of the sets of operators in use.
    #[prost(message, repeated, tag = "8")]
    pub(super) opset_import: Vec<OperatorSet>,
    /// What else there is to know, for programs.
    #[prost(message, repeated, tag = "14")]
    pub(super) metadata: Vec<Property>,
}

/// A set of operators; that of ONNX itself has an empty domain.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct OperatorSet {
    #[prost(string, tag = "1")]
    pub(super) domain: String,
    #[prost(int64, tag = "2")]
    pub(super) version: i64,
}

/// A name and its value.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Property {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(string, tag = "2")]
    pub(super) value: String,
}

/// Nodes in an order in which they can be computed, and the constants they read.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub(super) nodes: Vec<Node>,
    #[prost(string, tag = "2")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "5")]
    pub(super) initializers: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    pub(super) inputs: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    pub(super) outputs: Vec<ValueInfo>,
}

/// An operator applied to named values.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Node {
    #[prost(string, repeated, tag = "1")]
    pub(super) inputs: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(super) outputs: Vec<String>,
    #[prost(string, tag = "3")]
    pub(super) name: String,
    #[prost(string, tag = "4")]
    pub(super) operator: String,
    #[prost(message, repeated, tag = "5")]
    pub(super) attributes: Vec<Attribute>,
}

/// An option of an operator. Which of the values counts is what `kind` says; one that counts is written
/// even if it is 0, for some readers ask whether it is there.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Attribute {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(float, optional, tag = "2")]
    pub(super) float: Option<f32>,
    #[prost(int64, optional, tag = "3")]
    pub(super) int: Option<i64>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub(super) ints: Vec<i64>,
    #[prost(int32, tag = "20")]
    pub(super) kind: i32,
}

impl Attribute {
    const FLOAT: i32 = 1;
    const INT: i32 = 2;
    const INTS: i32 = 7;

    pub(super) fn of_float(name: &str, float: f32) -> Self {
        Attribute {
            name: name.into(),
            float: Some(float),
            kind: Self::FLOAT,
            ..Self::default()
        }
    }

    pub(super) fn of_int(name: &str, int: i64) -> Self {
        Attribute {
            name: name.into(),
            int: Some(int),
            kind: Self::INT,
            ..Self::default()
        }
    }

    pub(super) fn of_ints(name: &str, ints: &[i64]) -> Self {
        Attribute {
            name: name.into(),
            ints: ints.to_vec(),
            kind: Self::INTS,
            ..Self::default()
        }
    }
}

/// A constant: its values little-endian, row-major.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Tensor {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub(super) dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub(super) data_type: i32,
    #[prost(string, tag = "8")]
    pub(super) name: String,
    #[prost(bytes = "vec", tag = "9")]
    pub(super) raw_data: Vec<u8>,
}

/// Types of elements.
pub(super) const FLOAT: i32 = 1;
pub(super) const INT8: i32 = 3;
pub(super) const INT64: i32 = 7;
pub(super) const BOOL: i32 = 9;

/// An input or an output of the graph.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ValueInfo {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, optional, tag = "2")]
    pub(super) kind: Option<Kind>,
}

/// The type of a value; here always a tensor.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Kind {
    #[prost(message, optional, tag = "1")]
    pub(super) tensor: Option<TensorKind>,
}

/// The type of a tensor.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TensorKind {
    #[prost(int32, tag = "1")]
    pub(super) element: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) shape: Option<Shape>,
}

/// The dimensions of a tensor.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Shape {
    #[prost(message, repeated, tag = "1")]
    pub(super) dims: Vec<Dimension>,
}

/// A dimension: a number, or a name if it is another each time.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Dimension {
    #[prost(oneof = "Size", tags = "1, 2")]
    pub(super) size: Option<Size>,
}

/// What is known of a dimension.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Size {
    #[prost(int64, tag = "1")]
    Fixed(i64),
    #[prost(string, tag = "2")]
    Named(String),
}

/// An input or an output. A dimension that is a number is fixed, any other word is its name.
pub(super) fn value(name: &str, element: i32, dims: &[&str]) -> ValueInfo {
    let dimension = |word: &&str| Dimension {
        size: Some(match word.parse() {
            Ok(number) => Size::Fixed(number),
            Err(_) => Size::Named((*word).into()),
        }),
    };
    ValueInfo {
        name: name.into(),
        kind: Some(Kind {
            tensor: Some(TensorKind {
                element,
                shape: Some(Shape {
                    dims: dims.iter().map(dimension).collect(),
                }),
            }),
        }),
    }
}
