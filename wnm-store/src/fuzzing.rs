//! The parsers as fuzz targets: each function takes any bytes and asserts the properties that hold for all of them.
//!
//! The programs in `fuzz/` call them; a test replays the inputs of `fuzz/corpus`.

/// Reads a database of the Python wnm.
pub fn python_database(bytes: &[u8]) {
    crate::python_db::fuzz(bytes);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn committed_inputs_pass() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/python_database");
        let mut replayed = 0;
        for input in fs::read_dir(folder).unwrap() {
            super::python_database(&fs::read(input.unwrap().path()).unwrap());
            replayed += 1;
        }
        assert!(replayed > 0);
    }
}
