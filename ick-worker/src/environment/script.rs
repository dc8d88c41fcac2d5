//! How a script is started so that it finds its parameters.

use crate::engine::Program;
use crate::places::Inside;
use std::path::Path;

/// What starts a python script: `params` is there before its first line runs, its lines keep their
/// numbers, and a traceback shows nothing but the script. Modules are not looked for in the workspace,
/// as for a script file that lies elsewhere: a `json.py` there is not for this worker to execute. The
/// arguments are the script and the file with the parameters.
const START_PYTHON: &str = r#"
def start():
    import sys
    if sys.path[:1] == [""]:
        del sys.path[0]
    import json
    path, parameters = sys.argv[1:]
    with open(parameters, encoding="utf-8") as file:
        params = json.load(file)
    with open(path, "rb") as file:
        source = file.read()
    names = sys.modules["__main__"].__dict__
    del names["start"]
    names.update(__file__=path, params=params)
    sys.argv = [path]
    show = sys.excepthook
    def show_script(kind, error, trace):
        while trace is not None and trace.tb_frame.f_code.co_filename == "<string>":
            trace = trace.tb_next
        show(kind, error.with_traceback(trace), trace)
    sys.excepthook = show_script
    exec(compile(source, path, "exec"), names)
start()
"#;

/// An interactive shell, as which no file of anyone's is read.
pub(crate) fn shell() -> (&'static str, Vec<String>) {
    (
        "bash",
        ["--noprofile", "--norc", "-i"].map(String::from).to_vec(),
    )
}

/// The script file's text; none for a built-in action.
pub(crate) fn script(program: &Program, inside: &Inside) -> Option<String> {
    match program {
        // On the script's own first line, so that its lines keep their numbers.
        Program::Shell(text) => Some(format!(
            "params() {{ printf '%s\\n' \"$(<{})\"; }}; {text}",
            quoted(&inside.parameters)
        )),
        Program::Python(text) => Some(text.clone()),
        Program::BuiltIn { .. } => None,
    }
}

/// The command that executes the script: the program's name and its arguments.
pub(crate) fn command(program: &Program, inside: &Inside) -> (&'static str, Vec<String>) {
    let script = inside.script.to_string_lossy().into_owned();
    let parameters = inside.parameters.to_string_lossy().into_owned();
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
    match program {
        Program::Python(_) => (
            "python3",
            words(&["-u", "-c", START_PYTHON, &script, &parameters]),
        ),
        _ => ("bash", words(&["-eu", "-o", "pipefail", &script])),
    }
}

/// A path as one word of a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}
