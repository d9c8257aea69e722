//! Strict decoding of bodies: what postcard accepts and this wire does not.
//!
//! postcard alone ignores trailing bytes and accepts overlong varints. Both would let one message travel
//! in many forms. A body is therefore taken apart with what is left over in hand, and its canonical
//! length is compared with the bytes that were read: an overlong varint is longer than it must be.

use postcard::ser_flavors::Size;
use serde::{Deserialize, Serialize};

use crate::{DecodeError, MessageKind};

/// The content of one kind of message: one struct for each kind, which never changes once released.
pub trait Body<'a>: Serialize + Sized {
    /// The kind that stands in the header of such a message.
    const KIND: MessageKind;

    /// Decodes a body strictly.
    ///
    /// # Errors
    /// [`DecodeError`]: bytes missing, left over or out of bounds, or not in the one canonical form.
    fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError>;
}

/// Decodes a `T` that takes up all of `bytes`.
pub(crate) fn whole<'a, T: Serialize + Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    let (value, rest) = take(bytes)?;
    if rest.is_empty() { Ok(value) } else { Err(DecodeError::Trailing { len: rest.len() }) }
}

/// Decodes a `T` from the start of `bytes`, and gives what follows it.
pub(crate) fn take<'a, T: Serialize + Deserialize<'a>>(
    bytes: &'a [u8],
) -> Result<(T, &'a [u8]), DecodeError> {
    let (value, rest) = postcard::take_from_bytes::<T>(bytes).map_err(|error| {
        let short = error == postcard::Error::DeserializeUnexpectedEnd;
        if short { DecodeError::TooShort } else { DecodeError::Malformed }
    })?;
    let canonical =
        postcard::serialize_with_flavor(&value, Size::default()).map_err(|_| DecodeError::Malformed)?;
    if canonical == bytes.len() - rest.len() { Ok((value, rest)) } else { Err(DecodeError::NotCanonical) }
}

/// Implements [`Body`] for structs without a list: the whole body is the struct.
macro_rules! bodies {
    ($($body:ty => $kind:ident),+ $(,)?) => {$(
        impl<'a> $crate::Body<'a> for $body {
            const KIND: $crate::MessageKind = $crate::MessageKind::$kind;

            fn decode(bytes: &'a [u8]) -> Result<Self, $crate::DecodeError> {
                $crate::body::whole(bytes)
            }
        }
    )+};
}
pub(crate) use bodies;

/// Defines the messages of one direction: an enum with an arm for each kind, and its decoding.
macro_rules! messages {
    ($(#[$doc:meta])* $name:ident { $($(#[$arm_doc:meta])* $arm:ident($body:ty)),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum $name<'a> {
            $($(#[$arm_doc])* $arm($body)),+
        }

        impl<'a> $name<'a> {
            /// Decodes the body of a frame whose header names `kind`.
            ///
            /// # Errors
            /// [`DecodeError::UnknownKind`](crate::DecodeError::UnknownKind) for a kind that does not
            /// travel in this direction; otherwise why the body is not one of its kind. Either costs
            /// this message and not the session.
            #[inline]
            pub fn decode(kind: $crate::MessageKind, body: &'a [u8]) -> Result<Self, $crate::DecodeError> {
                $(if kind == <$body as $crate::Body<'a>>::KIND {
                    return <$body as $crate::Body<'a>>::decode(body).map(Self::$arm);
                })+
                Err($crate::DecodeError::UnknownKind(kind))
            }

            /// The kind that stands in the header of this message.
            pub fn kind(&self) -> $crate::MessageKind {
                match self {
                    $(Self::$arm(_) => <$body as $crate::Body<'a>>::KIND),+
                }
            }

            /// Encodes the message as one frame at the start of `out` and gives the frame's length.
            ///
            /// # Errors
            /// As [`encode`](crate::encode).
            pub fn encode(
                &self,
                correlation: $crate::Correlation,
                out: &mut [u8],
            ) -> Result<usize, $crate::EncodeError> {
                match self {
                    $(Self::$arm(body) => $crate::encode(body, correlation, out)),+
                }
            }
        }
    };
}
pub(crate) use messages;
