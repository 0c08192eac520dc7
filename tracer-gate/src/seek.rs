//! Values of an export by their path. The export is walked as it would be written, and what is not on the way is passed
//! over, so that no copy of it is made.

use std::fmt;

use serde::{
    Serialize, Serializer,
    ser::{
        Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple,
        SerializeTupleStruct,
    },
};
use tracer_export::Measured;

use crate::place::{Pick, Step};

/// Keys whose texts name an element of a list, the first that is there.
const NAMES: [&str; 6] = ["host", "comm", "name", "address", "id", "expr"];

/// A value, and the element of a list that it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    /// Names of the elements on the way, in brackets.
    pub(crate) elements: Vec<String>,
    /// Names of the elements, each with what tells it apart from others of that name.
    pub(crate) identity: Vec<String>,
    /// The value.
    pub(crate) value: Measured,
}

/// Finds the values at a path: several where it leads through lists. A value that is absent, or that means nothing because
/// nothing was measured, is not among them.
pub(crate) fn seek(root: &impl Serialize, steps: &[Step]) -> Vec<Figure> {
    let mut found = Vec::new();
    let seek = Seek {
        steps,
        elements: &[],
        identity: &[],
        found: &mut found,
    };
    // The only errors are those of this serializer, which has none.
    let _ = root.serialize(seek);
    found
}

/// Finds one value below an element by its key.
fn named(element: &(impl Serialize + ?Sized), key: &str) -> Option<Measured> {
    let mut found = Vec::new();
    let steps = [Step::Key(key.to_owned())];
    let seek = Seek {
        steps: &steps,
        elements: &[],
        identity: &[],
        found: &mut found,
    };
    let _ = element.serialize(seek);
    found.pop().map(|figure| figure.value)
}

/// Names of an element: its own, and with its port.
fn names(element: &(impl Serialize + ?Sized)) -> Vec<String> {
    let texts = NAMES.into_iter().find_map(|key| match named(element, key) {
        Some(Measured::Text(text)) => Some(text),
        _ => None,
    });
    let Some(name) = texts else {
        return Vec::new();
    };
    match named(element, "port") {
        Some(Measured::Number(port)) => vec![format!("{name}:{port}"), name],
        _ => vec![name],
    }
}

struct Seek<'s, 'f> {
    steps: &'s [Step],
    elements: &'s [String],
    identity: &'s [String],
    found: &'f mut Vec<Figure>,
}

impl Seek<'_, '_> {
    fn take(self, value: Measured) -> Result<(), fmt::Error> {
        if self.steps.is_empty() {
            self.found.push(Figure {
                elements: self.elements.to_vec(),
                identity: self.identity.to_vec(),
                value,
            });
        }
        Ok(())
    }
}

/// Declares methods for numbers.
macro_rules! numbers {
    ($($method:ident $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), fmt::Error> {
            self.take(Measured::Number(value as f64))
        })*
    };
}

impl<'s, 'f> Serializer for Seek<'s, 'f> {
    type Ok = ();
    type Error = fmt::Error;
    type SerializeSeq = Elements<'s, 'f>;
    type SerializeTuple = Elements<'s, 'f>;
    type SerializeTupleStruct = Elements<'s, 'f>;
    type SerializeTupleVariant = Impossible<(), fmt::Error>;
    type SerializeMap = Keys<'s, 'f>;
    type SerializeStruct = Keys<'s, 'f>;
    type SerializeStructVariant = Impossible<(), fmt::Error>;

    numbers!(serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_u8 u8, serialize_u16 u16,
        serialize_u32 u32, serialize_u64 u64, serialize_f32 f32, serialize_f64 f64);

    fn serialize_bool(self, value: bool) -> Result<(), fmt::Error> {
        self.take(Measured::Truth(value))
    }

    fn serialize_char(self, value: char) -> Result<(), fmt::Error> {
        self.take(Measured::Text(value.into()))
    }

    fn serialize_str(self, value: &str) -> Result<(), fmt::Error> {
        match self.steps.is_empty() {
            true => self.take(Measured::Text(value.into())),
            false => Ok(()),
        }
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), fmt::Error> {
        Ok(())
    }

    fn serialize_none(self) -> Result<(), fmt::Error> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), fmt::Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), fmt::Error> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), fmt::Error> {
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), fmt::Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), fmt::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), fmt::Error> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, fmt::Error> {
        Ok(Elements {
            seek: self,
            index: 0,
        })
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, fmt::Error> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, fmt::Error> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, fmt::Error> {
        Err(fmt::Error)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, fmt::Error> {
        self.serialize_struct("", 0)
    }

    fn serialize_struct(
        self,
        name: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStruct, fmt::Error> {
        Ok(Keys {
            seek: self,
            name,
            key: String::new(),
            is_empty: false,
        })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, fmt::Error> {
        Err(fmt::Error)
    }
}

/// Elements of a list.
struct Elements<'s, 'f> {
    seek: Seek<'s, 'f>,
    index: usize,
}

impl Elements<'_, '_> {
    fn element<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), fmt::Error> {
        let index = self.index;
        self.index += 1;
        let Some((Step::Pick(pick), rest)) = self.seek.steps.split_first() else {
            return Ok(());
        };
        let name = match pick {
            Pick::All => Some(names(element).into_iter().next()),
            Pick::At(at) => (*at == index).then_some(None),
            Pick::Named(pattern) => {
                let mut names = names(element);
                let matches = names.iter().any(|name| pattern.matches(name));
                matches.then(|| Some(names.swap_remove(0)))
            }
        };
        let Some(name) = name else {
            return Ok(());
        };
        let element_name =
            name.map_or_else(|| format!("[{index}]"), |name| format!("[\"{name}\"]"));
        // A name that several sources have given has a row for each of them.
        let source = match named(element, "host_source") {
            Some(Measured::Text(source)) => source,
            _ => String::new(),
        };
        let identity = [self.seek.identity, &[element_name.clone(), source]].concat();
        let elements = [self.seek.elements, &[element_name]].concat();
        element.serialize(Seek {
            steps: rest,
            elements: &elements,
            identity: &identity,
            found: self.seek.found,
        })
    }
}

/// Declares how the elements of a kind of list are taken.
macro_rules! elements {
    ($($list:ident $method:ident),*) => {
        $(impl $list for Elements<'_, '_> {
            type Ok = ();
            type Error = fmt::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
                self.element(value)
            }

            fn end(self) -> Result<(), fmt::Error> {
                Ok(())
            }
        })*
    };
}

elements!(SerializeSeq serialize_element, SerializeTuple serialize_element, SerializeTupleStruct serialize_field);

/// Keys of an object.
struct Keys<'s, 'f> {
    seek: Seek<'s, 'f>,
    /// Name of the type, empty for a map.
    name: &'static str,
    /// Last key of a map.
    key: String,
    /// True for a distribution without samples.
    is_empty: bool,
}

impl Keys<'_, '_> {
    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), fmt::Error> {
        if self.name == "Histogram" && key == "count" {
            self.is_empty = self::number(value) == Some(0.0);
        }
        let Some((Step::Key(wanted), rest)) = self.seek.steps.split_first() else {
            return Ok(());
        };
        if wanted != key || self.is_absent(key, value) {
            return Ok(());
        }
        value.serialize(Seek {
            steps: rest,
            elements: self.seek.elements,
            identity: self.seek.identity,
            found: self.seek.found,
        })
    }

    /// Tells whether a value stands for nothing: the export has 0 for times of which there was no sample.
    fn is_absent<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> bool {
        match (self.name, key) {
            ("Histogram", _) => self.is_empty && key.ends_with("_ns"),
            ("Tcp", "srtt_ns") => number(value) == Some(0.0),
            _ => false,
        }
    }
}

/// The number that a value is.
fn number(value: &(impl Serialize + ?Sized)) -> Option<f64> {
    let mut found = Vec::new();
    let seek = Seek {
        steps: &[],
        elements: &[],
        identity: &[],
        found: &mut found,
    };
    let _ = value.serialize(seek);
    match found.pop()?.value {
        Measured::Number(number) => Some(number),
        _ => None,
    }
}

impl SerializeStruct for Keys<'_, '_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), fmt::Error> {
        self.field(key, value)
    }

    fn end(self) -> Result<(), fmt::Error> {
        Ok(())
    }
}

impl SerializeMap for Keys<'_, '_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), fmt::Error> {
        let key = serde_json::to_value(key).map_err(|_| fmt::Error)?;
        self.key = key.as_str().unwrap_or_default().to_owned();
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
        let key = std::mem::take(&mut self.key);
        self.field(&key, value)
    }

    fn end(self) -> Result<(), fmt::Error> {
        Ok(())
    }
}
