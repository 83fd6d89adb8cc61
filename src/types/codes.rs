//! Hot: one macro for enums that travel as a byte: in the ring, in the journal, and as a name in what people read.

/// Declares a byte-coded enum with `code`, `from_code`, `name` and `from_name`.
///
/// A code is written to disk, so it is given by hand and never used again for something else.
#[macro_export]
macro_rules! code_enum {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $( $(#[$vmeta:meta])* $variant:ident = $code:literal, $text:literal; )+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        $vis enum $name { $( $(#[$vmeta])* $variant = $code, )+ }

        impl $name {
            /// All values, in the order of their declaration.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// The stored code.
            #[inline]
            pub const fn code(self) -> u8 { self as u8 }

            /// The value with this code, or `None` for a code that was never given out.
            #[inline]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $( $code => Some(Self::$variant), )+ _ => None }
            }

            /// The name in exports, configuration and messages.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $text, )+ }
            }

            /// The value with this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $( $text => Some(Self::$variant), )+ _ => None }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result { f.write_str(self.name()) }
        }
    };
}
