//! Lines as YAML counts them (1.2, section 5.4): each ends with "\n", "\r" or both.

/// The first line and, if it ends, what comes after it.
pub(super) fn first_line(text: &str) -> (&str, Option<&str>) {
    let Some(end) = text.find(['\n', '\r']) else {
        return (text, None);
    };
    let (line, rest) = text.split_at(end);
    let rest = rest.strip_prefix("\r\n").unwrap_or(&rest[1..]);
    (line, Some(rest))
}

/// All lines; behind the last line's end there is one more, which is empty.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let next = |(_, rest): &(_, Option<_>)| rest.map(first_line);
    std::iter::successors(Some(first_line(text)), next).map(|(line, _)| line)
}
