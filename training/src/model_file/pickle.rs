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

use std::collections::BTreeMap;

use super::{DIMENSIONS, Dtype};

/// Most values of a pickle; a tensor takes some 15.
const MOST_VALUES: usize = 1 << 20;
/// Longest name of a file with values: they are numbers.
const LONGEST_FILE: usize = 20;

/// A tensor as a pickle describes it.
#[derive(Clone, Debug)]
pub(super) struct Pickled {
    /// The file with its values, and how many it has.
    pub(super) storage: String,
    pub(super) elements: u64,
    pub(super) dtype: Dtype,
    /// Its first element in that file.
    pub(super) first: u64,
    pub(super) shape: Vec<u64>,
    pub(super) strides: Vec<u64>,
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
pub(super) fn state_dict(bytes: &[u8]) -> Step<BTreeMap<String, Pickled>> {
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

impl Machine<'_> {
    fn take(&mut self, count: usize) -> Step<&[u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or("is cut off")?;
        self.rest = rest;
        Ok(taken)
    }

    /// A number without sign, little-endian.
    fn number(&mut self, bytes: usize) -> Step<u64> {
        let taken = self.take(bytes)?;
        Ok(taken.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b)))
    }

    fn integer(&mut self, bytes: usize) -> Step<()> {
        let number = self.number(bytes)?;
        self.push(Value::Integer(number as i64))
    }

    /// A number of up to 8 bytes with sign.
    fn long(&mut self) -> Step<()> {
        let bytes = self.number(1)? as usize;
        if bytes > 8 {
            return Err(format!(
                "holds a number of {bytes} bytes; expected at most 8"
            ));
        }
        let number = self.number(bytes)? as i64;
        let unused = 64 - 8 * bytes as u32;
        // Shifted out and in again, so that the sign fills what was not given.
        self.push(Value::Integer(match bytes {
            0 => 0,
            _ => number << unused >> unused,
        }))
    }

    fn push(&mut self, value: Value) -> Step<()> {
        if self.values.len() == MOST_VALUES {
            return Err(format!("holds more than {MOST_VALUES} values"));
        }
        self.stack.push(self.values.len() as u32);
        self.values.push(value);
        Ok(())
    }

    fn at(&self, value: u32) -> &Value {
        &self.values[value as usize]
    }

    fn pop(&mut self) -> Step<u32> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len() > floor {
            true => Ok(self.stack.pop().expect("it is higher than its floor")),
            false => Err("takes a value where there is none".into()),
        }
    }

    fn pop_many(&mut self, count: usize) -> Step<Vec<u32>> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(count) {
            Some(rest) if rest >= floor => Ok(self.stack.split_off(rest)),
            _ => Err("takes a value where there is none".into()),
        }
    }

    fn pop_to_mark(&mut self) -> Step<Vec<u32>> {
        let mark = self.marks.pop().ok_or("closes what was not opened")?;
        Ok(self.stack.split_off(mark))
    }

    fn remember(&mut self, place: u64) -> Step<()> {
        let value = self.pop()?;
        self.stack.push(value);
        // Places are given out in turn.
        let next = self.memo.len();
        match self.memo.get_mut(place as usize) {
            Some(into) => *into = value,
            None if place == next as u64 => self.memo.push(value),
            None => return Err(format!("remembers a value in place {place} out of turn")),
        }
        Ok(())
    }

    fn recall(&mut self, place: u64) -> Step<()> {
        let value = self.memo.get(place as usize).copied();
        self.stack
            .push(value.ok_or_else(|| format!("recalls place {place}, which is empty"))?);
        Ok(())
    }

    /// Keys and values in turn, into the table below them.
    fn fill(&mut self, rows: &[u32]) -> Step<()> {
        let table = *self
            .stack
            .last()
            .ok_or("fills a table where there is none")?;
        let Value::Table(into) = &mut self.values[table as usize] else {
            return Err("fills what is no table".into());
        };
        match rows.as_chunks::<2>() {
            (pairs, []) => {
                into.extend(pairs.iter().map(|&[key, value]| (key, value)));
                Ok(())
            }
            _ => Err("fills a table with a key without a value".into()),
        }
    }

    fn global(&mut self) -> Step<()> {
        let mut line = || {
            let end = self
                .rest
                .iter()
                .position(|&b| b == b'\n')
                .ok_or("is cut off")?;
            let (line, rest) = self.rest.split_at(end);
            self.rest = &rest[1..];
            Ok::<_, String>(String::from_utf8_lossy(line).into_owned())
        };
        let (module, name) = (line()?, line()?);
        let global = match (module.as_str(), name.as_str()) {
            ("torch._utils", "_rebuild_tensor_v2") => Global::RebuildTensor,
            ("collections", "OrderedDict") => Global::OrderedDict,
            ("torch", "FloatStorage") => Global::Storage(Stored::Float),
            ("torch", "HalfStorage") => Global::Storage(Stored::Half),
            ("torch", "BFloat16Storage") => Global::Storage(Stored::Bfloat16),
            ("torch", "LongStorage") => Global::Storage(Stored::Long),
            _ => {
                let name = format!("{module}.{name}")
                    .escape_debug()
                    .take(80)
                    .collect::<String>();
                return Err(format!(
                    "asks for `{name}`, which describes no tensor of type F32, F16, BF16 or I64; \
                     nothing of it was executed. Only load models whose origin you know; one with \
                     other types can be saved again as float32"
                ));
            }
        };
        self.push(Value::Global(global))
    }

    /// ("storage", type, file, device, elements), in place of an object outside of the pickle.
    fn storage(&mut self) -> Step<()> {
        let described = self.pop()?;
        let storage = match self.at(described) {
            Value::Tuple(items) => {
                match items.iter().map(|&i| self.at(i)).collect::<Vec<_>>()[..] {
                    [
                        Value::Text(kind),
                        Value::Global(Global::Storage(stored)),
                        Value::Text(file),
                        _,
                        Value::Integer(elements @ 0..),
                    ] if kind == "storage" && file.len() <= LONGEST_FILE => {
                        Some((*stored, file.clone(), *elements as u64))
                    }
                    _ => None,
                }
            }
            _ => None,
        };
        let (stored, file, elements) = storage.ok_or("names values in a form that is unknown")?;
        self.push(Value::Storage(stored, file, elements))
    }

    /// A call: of a table it makes an empty one, of a tensor its description.
    fn call(&mut self) -> Step<()> {
        let arguments = self.pop()?;
        let function = self.pop()?;
        let (Value::Global(function), Value::Tuple(arguments)) =
            (self.at(function), self.at(arguments))
        else {
            return Err("calls what is no function".into());
        };
        let arguments: Vec<&Value> = arguments.iter().map(|&i| self.at(i)).collect();
        let result = match (function, &arguments[..]) {
            (Global::OrderedDict, []) => Value::Table(Vec::new()),
            (
                Global::RebuildTensor,
                [
                    Value::Storage(stored, file, elements),
                    Value::Integer(first @ 0..),
                    shape,
                    strides,
                    ..,
                ],
            ) => Value::Tensor(Box::new(Pickled {
                storage: file.clone(),
                elements: *elements,
                dtype: stored.dtype(),
                first: *first as u64,
                shape: self.numbers(shape)?,
                strides: self.numbers(strides)?,
            })),
            _ => return Err("calls a function with arguments that are unknown".into()),
        };
        self.push(result)
    }

    /// A tuple of numbers that are not negative.
    fn numbers(&self, tuple: &Value) -> Step<Vec<u64>> {
        let number = |&i: &u32| match self.at(i) {
            Value::Integer(number @ 0..) => Some(*number as u64),
            _ => None,
        };
        let numbers = match tuple {
            Value::Tuple(items) if items.len() <= DIMENSIONS => items.iter().map(number).collect(),
            _ => None,
        };
        numbers.ok_or_else(|| {
            format!("gives a tensor a shape that is none; expected at most {DIMENSIONS} numbers")
        })
    }
}
