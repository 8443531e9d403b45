//! The pickle of a state dict, read without executing anything.
//!
//! A pickle is a program for a machine with a stack, which can import and call what it likes. Here
//! it can name five things: the function that PyTorch rebuilds tensors with, the types of their
//! values, and `OrderedDict`. The first makes a description of a tensor, the last an empty table;
//! everything else is refused by name. Only the opcodes of protocol 2 that `torch.save` writes for a
//! state dict are known.
//!
//! Values stand in one list and name each other by number, so that nesting costs no stack, however
//! deep it is.

mod machine;

use std::collections::BTreeMap;

use super::Dtype;

/// A tensor as a pickle describes it.
#[derive(Clone, Debug)]
pub(in crate::model_file) struct Pickled {
    /// The file with its values, and how many it has.
    pub(in crate::model_file) storage: String,
    pub(in crate::model_file) elements: u64,
    pub(in crate::model_file) dtype: Dtype,
    /// Its first element in that file.
    pub(in crate::model_file) first: u64,
    pub(in crate::model_file) shape: Vec<u64>,
    pub(in crate::model_file) strides: Vec<u64>,
}

/// What a pickle may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Global {
    RebuildTensor,
    OrderedDict,
    Storage(Stored),
}

/// The types of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stored {
    Float,
    Half,
    Bfloat16,
    Long,
}

impl Stored {
    fn dtype(self) -> Dtype {
        match self {
            Self::Float => Dtype::F32,
            Self::Half => Dtype::F16,
            Self::Bfloat16 => Dtype::Bf16,
            Self::Long => Dtype::Other("I64".into(), 64),
        }
    }
}

#[derive(Clone, Debug)]
enum Value {
    /// None, a truth value, a fraction, a list: nothing that tensors need.
    Other,
    Integer(i64),
    Text(String),
    Tuple(Vec<u32>),
    Table(Vec<(u32, u32)>),
    Global(Global),
    Storage(Stored, String, u64),
    Tensor(Box<Pickled>),
}

type Step<T> = Result<T, String>;

/// The tensors of a pickled state dict.
pub(in crate::model_file) fn state_dict(bytes: &[u8]) -> Step<BTreeMap<String, Pickled>> {
    let mut machine = Machine {
        rest: bytes,
        values: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
    };
    let result = loop {
        if let Some(result) = machine.step()? {
            break result;
        }
    };
    let Value::Table(rows) = &machine.values[result as usize] else {
        return Err("holds no state dict; expected a table of tensors by name".into());
    };
    let mut tensors = BTreeMap::new();
    for &(name, tensor) in rows {
        let (name, tensor) = match (machine.at(name), machine.at(tensor)) {
            (Value::Text(name), Value::Tensor(tensor)) => (name, tensor),
            (Value::Text(name), _) => {
                return Err(format!(
                    "holds something else than a tensor under {name:?}; expected a state dict, a \
                     table of tensors by name"
                ));
            }
            _ => return Err("holds a table whose keys are no names; expected a state dict".into()),
        };
        if tensors.contains_key(name) {
            return Err(format!("holds tensor {name:?} twice"));
        }
        tensors.insert(name.clone(), (**tensor).clone());
    }
    Ok(tensors)
}

struct Machine<'a> {
    rest: &'a [u8],
    values: Vec<Value>,
    stack: Vec<u32>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: Vec<u32>,
}

impl Machine<'_> {
    /// Executes an opcode; gives the result of the last.
    fn step(&mut self) -> Step<Option<u32>> {
        let opcode = self.number(1)? as u8;
        match opcode {
            // The protocol.
            0x80 => match self.number(1)? {
                2 => {}
                other => return Err(format!("is of protocol {other}; expected 2")),
            },
            b'.' => return self.pop().map(Some),
            b'(' => self.marks.push(self.stack.len()),
            b'N' | 0x88 | 0x89 => self.push(Value::Other)?,
            b'G' => {
                self.take(8)?;
                self.push(Value::Other)?;
            }
            b'J' => {
                let number = self.number(4)? as u32;
                self.push(Value::Integer(i64::from(number as i32)))?;
            }
            b'K' => self.integer(1)?,
            b'M' => self.integer(2)?,
            0x8A => self.long()?,
            b'X' => {
                let length = self.number(4)?;
                let text = self.take(length as usize)?;
                let text = std::str::from_utf8(text).map_err(|_| "holds text that is not UTF-8")?;
                let text = text.to_owned();
                self.push(Value::Text(text))?;
            }
            b'c' => self.global()?,
            b'}' => self.push(Value::Table(Vec::new()))?,
            b']' => self.push(Value::Other)?,
            b')' => self.push(Value::Tuple(Vec::new()))?,
            0x85..=0x87 => {
                let items = self.pop_many(usize::from(opcode - 0x84))?;
                self.push(Value::Tuple(items))?;
            }
            b't' => {
                let items = self.pop_to_mark()?;
                self.push(Value::Tuple(items))?;
            }
            b'q' => {
                let place = self.number(1)?;
                self.remember(place)?;
            }
            b'r' => {
                let place = self.number(4)?;
                self.remember(place)?;
            }
            b'h' => {
                let place = self.number(1)?;
                self.recall(place)?;
            }
            b'j' => {
                let place = self.number(4)?;
                self.recall(place)?;
            }
            b's' => {
                let row = self.pop_many(2)?;
                self.fill(&row)?;
            }
            b'u' => {
                let rows = self.pop_to_mark()?;
                self.fill(&rows)?;
            }
            b'a' => drop(self.pop()?),
            b'e' => drop(self.pop_to_mark()?),
            // Attributes of a table, such as the versions of modules: not needed.
            b'b' => drop(self.pop()?),
            b'Q' => self.storage()?,
            b'R' => self.call()?,
            other => {
                return Err(format!(
                    "has the opcode {other:#04x}, which torch.save does not write for a state \
                     dict: load the model with PyTorch and save model.state_dict()"
                ));
            }
        }
        Ok(None)
    }
}
