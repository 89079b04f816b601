//! The level of this machine's own processor on the x86-64 scale, so that it can be said which wheels run here.

/// What each level adds, by the names of Linux in `/proc/cpuinfo` (x86-64 psABI, micro-architecture levels; there
/// `lahf_lm` is LAHF-SAHF, `pni` SSE3, `abm` LZCNT, and a kernel shows `avx` only with OSXSAVE).
const LEVELS: [&[&str]; 4] = [
    &["cmov", "cx8", "fpu", "fxsr", "mmx", "sse", "sse2", "syscall"],
    &["cx16", "lahf_lm", "pni", "popcnt", "sse4_1", "sse4_2", "ssse3"],
    &["abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "xsave"],
    &["avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"],
];

/// What a processor is.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Cpu {
    /// As it calls itself.
    pub model: String,
    /// Highest level that it runs, 1 to 4; 0 if it is no x86-64.
    pub level: u8,
    /// What it lacks for the next level.
    pub lacks: Vec<String>,
}

impl Cpu {
    /// Reads the text of `/proc/cpuinfo`. The first processor speaks for all.
    #[must_use]
    pub fn read(cpuinfo: &str) -> Self {
        let value = |key: &str| {
            let mut lines = cpuinfo.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim())
        };
        let flags: Vec<_> = value("flags").unwrap_or_default().split_whitespace().collect();
        let lacking = |level: &[&str]| -> Vec<String> {
            level.iter().filter(|flag| !flags.contains(flag)).map(|flag| (*flag).to_owned()).collect()
        };
        let held = LEVELS.iter().take_while(|level| lacking(level).is_empty()).count();
        Self {
            model: value("model name").unwrap_or_default().to_owned(),
            // There are four.
            level: u8::try_from(held).unwrap_or_default(),
            lacks: match held {
                0 => Vec::new(),
                held => LEVELS.get(held).map(|level| lacking(level)).unwrap_or_default(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(levels: usize) -> String {
        let flags: Vec<_> = LEVELS[..levels].concat();
        format!("processor\t: 0\nmodel name\t: Some CPU: fast\nflags\t\t: {}\n\n", flags.join(" "))
    }

    #[test]
    fn a_level_needs_all_that_is_below_it() {
        for level in 1..=4 {
            assert_eq!(usize::from(Cpu::read(&with(level)).level), level);
        }
        let without_v2 = with(4).replace("popcnt", "");
        let cpu = Cpu::read(&without_v2);
        assert_eq!((cpu.level, cpu.lacks), (1, vec!["popcnt".to_owned()]));
        assert_eq!(Cpu::read(&with(3)).model, "Some CPU: fast");
    }

    #[test]
    fn another_kind_of_machine_has_no_level() {
        let cpu = Cpu::read("processor : 0\nFeatures : fp asimd\n");
        assert_eq!((cpu.level, cpu.lacks.len()), (0, 0));
    }
}
