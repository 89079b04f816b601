//! The binary interface of WebAssembly modules: what a family that is built by Emscripten for one run-time says of it.
//! Emscripten promises none between its versions (PEP 783), so a module fits the run-time that its own version made.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use super::MinorVersion;

/// What modules of a family and their run-time must have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WasmAbi {
    /// The version of Emscripten that makes both.
    pub emscripten: EmscriptenVersion,
    /// The platform tag of wheels: `pyodide_2024_0_wasm32`.
    pub platform: String,
    /// The Python of the run-time; `None` if any will do.
    pub python: Option<MinorVersion>,
    /// How C++ exceptions and `longjmp` go through a module.
    pub unwinding: Unwinding,
}

impl WasmAbi {
    /// That of a version of Emscripten, by whose own name pip knows it.
    #[must_use]
    pub fn of(emscripten: EmscriptenVersion) -> Self {
        Self {
            emscripten,
            platform: emscripten.platform_tag(),
            python: None,
            unwinding: Unwinding::default(),
        }
    }
}

/// How C++ exceptions and `longjmp` go through WebAssembly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unwinding {
    /// By calls of JavaScript (`-fexceptions`).
    #[default]
    Js,
    /// By WebAssembly's own instructions (`-fwasm-exceptions`).
    Wasm,
}

impl Unwinding {
    /// As files spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Js => "js",
            Self::Wasm => "wasm",
        }
    }
}

/// A version of Emscripten, such as 3.1.58.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmscriptenVersion(pub u32, pub u32, pub u32);

impl EmscriptenVersion {
    /// What pip calls the platform (PEP 776): `emscripten_3_1_58_wasm32`.
    #[must_use]
    pub fn platform_tag(self) -> String {
        format!("emscripten_{}_{}_{}_wasm32", self.0, self.1, self.2)
    }
}

impl fmt::Display for EmscriptenVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl FromStr for EmscriptenVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Vec<u32> = text.split('.').map_while(|word| word.parse().ok()).collect();
        let [major, minor, patch] = numbers[..] else {
            return Err(format!("`{text}` is no version of Emscripten, such as 3.1.58"));
        };
        let version = Self(major, minor, patch);
        // As it is rendered: `3.01.58` and `+3.1.58` are other spellings.
        if version.to_string() == text {
            Ok(version)
        } else {
            Err(format!("`{text}` is no version of Emscripten, such as 3.1.58"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_three_numbers_as_they_are_rendered() {
        let version: EmscriptenVersion = "3.1.58".parse().unwrap();
        assert_eq!(version.to_string(), "3.1.58");
        assert_eq!(version.platform_tag(), "emscripten_3_1_58_wasm32");
        for wrong in ["", "3.1", "3.1.58.0", "3.01.58", "+3.1.58", "3.1.x", "99999999999.1.1"] {
            assert!(wrong.parse::<EmscriptenVersion>().is_err(), "{wrong}");
        }
        assert!(EmscriptenVersion(3, 1, 6) < EmscriptenVersion(3, 1, 58));
    }
}
