//! The stack of the machine, and what its opcodes do.

use super::super::DIMENSIONS;
use super::{Global, Machine, Pickled, Step, Stored, Value};

/// Most values of a pickle; a tensor takes some 15.
const MOST_VALUES: usize = 1 << 20;
/// Longest name of a file with values: they are numbers.
const LONGEST_FILE: usize = 20;

impl Machine<'_> {
    pub(super) fn take(&mut self, count: usize) -> Step<&[u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or("is cut off")?;
        self.rest = rest;
        Ok(taken)
    }

    /// A number without sign, little-endian.
    pub(super) fn number(&mut self, bytes: usize) -> Step<u64> {
        let taken = self.take(bytes)?;
        Ok(taken.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b)))
    }

    pub(super) fn integer(&mut self, bytes: usize) -> Step<()> {
        let number = self.number(bytes)?;
        self.push(Value::Integer(number as i64))
    }

    /// A number of up to 8 bytes with sign.
    pub(super) fn long(&mut self) -> Step<()> {
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

    pub(super) fn push(&mut self, value: Value) -> Step<()> {
        if self.values.len() == MOST_VALUES {
            return Err(format!("holds more than {MOST_VALUES} values"));
        }
        self.stack.push(self.values.len() as u32);
        self.values.push(value);
        Ok(())
    }

    pub(super) fn at(&self, value: u32) -> &Value {
        &self.values[value as usize]
    }

    pub(super) fn pop(&mut self) -> Step<u32> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len() > floor {
            true => Ok(self.stack.pop().expect("it is higher than its floor")),
            false => Err("takes a value where there is none".into()),
        }
    }

    pub(super) fn pop_many(&mut self, count: usize) -> Step<Vec<u32>> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(count) {
            Some(rest) if rest >= floor => Ok(self.stack.split_off(rest)),
            _ => Err("takes a value where there is none".into()),
        }
    }

    pub(super) fn pop_to_mark(&mut self) -> Step<Vec<u32>> {
        let mark = self.marks.pop().ok_or("closes what was not opened")?;
        Ok(self.stack.split_off(mark))
    }

    pub(super) fn remember(&mut self, place: u64) -> Step<()> {
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

    pub(super) fn recall(&mut self, place: u64) -> Step<()> {
        let value = self.memo.get(place as usize).copied();
        self.stack
            .push(value.ok_or_else(|| format!("recalls place {place}, which is empty"))?);
        Ok(())
    }

    /// Keys and values in turn, into the table below them.
    pub(super) fn fill(&mut self, rows: &[u32]) -> Step<()> {
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

    pub(super) fn global(&mut self) -> Step<()> {
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
    pub(super) fn storage(&mut self) -> Step<()> {
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
    pub(super) fn call(&mut self) -> Step<()> {
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
    pub(super) fn numbers(&self, tuple: &Value) -> Step<Vec<u64>> {
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
