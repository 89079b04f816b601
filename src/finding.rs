//! What findings of every kind have in common: how grave one is, and the table that its codes are declared by.

use serde::Serialize;

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The wheel should not be shipped.
    Fault,
    /// Worth a look.
    Note,
}

/// Declares `Code` by a table: spelling, severity and, if each code has the same one everywhere, the way out.
macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $name:literal, $severity:ident;)+) => {
        /// What was found.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $code,)+ }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$code,)+];

            /// As reports spell it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$code => $name,)+ }
            }

            /// How grave it is.
            #[must_use]
            pub const fn severity(self) -> $crate::finding::Severity {
                match self { $(Self::$code => $crate::finding::Severity::$severity,)+ }
            }
        }

        impl serde::Serialize for Code {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.name())
            }
        }
    };
    ($($(#[$doc:meta])* $code:ident = $name:literal, $severity:ident, $hint:literal;)+) => {
        codes! { $($(#[$doc])* $code = $name, $severity;)+ }

        impl Code {
            /// What to do.
            #[must_use]
            pub const fn hint(self) -> &'static str {
                match self { $(Self::$code => $hint,)+ }
            }
        }
    };
}

pub(crate) use codes;
