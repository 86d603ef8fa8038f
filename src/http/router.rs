//! A table of routes as data, looked up exactly: no trailing slash is added or taken away.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;

use super::Method;

/// One row of the table.
///
/// A pattern is made of segments: literal (`scene`), a parameter with literal text around it
/// (`{id}`, `{n}.ts`, `{hash}_sprite.jpg`), or, last, `{name*}` for all the rest, be it empty.
#[derive(Clone, Debug)]
pub struct Route<H> {
    /// The method; HEAD falls back to GET.
    pub method: Method,
    /// The pattern, beginning with a slash.
    pub pattern: &'static str,
    /// Whatever the protocol wants to find.
    pub handler: H,
}

impl<H> Route<H> {
    /// One row of the table.
    pub const fn new(method: Method, pattern: &'static str, handler: H) -> Route<H> {
        Route { method, pattern, handler }
    }
}

/// What is wrong with a table.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// The same method and pattern, or one that differs only in the names of parameters.
    #[error("the route {0} {1} is given twice")]
    Double(Method, &'static str),
    /// The pattern does not follow the rules.
    #[error("the route pattern {0:?} cannot be understood")]
    Pattern(&'static str),
}

/// What a lookup finds.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup<'router, H> {
    /// A handler and the decoded parameters of the path.
    Found(&'router H, Params),
    /// The path exists, but not for this method; those it has, in the order of the table.
    WrongMethod(Vec<Method>),
    /// There is no such path.
    Missing,
}

/// The decoded parameters of a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<(&'static str, String)>);

impl Params {
    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter as a number or another type.
    pub fn parse<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.parse().ok()
    }
}

/// Finds handlers by method and path.
///
/// Where several patterns match, the one that is more literal from the left wins, whatever the
/// order of the table.
#[derive(Debug)]
pub struct Router<H> {
    /// Rows by pattern; the patterns without parameters are also in `literal`.
    paths: Vec<Path<H>>,
    literal: HashMap<&'static str, usize>,
}

#[derive(Debug)]
struct Path<H> {
    segments: Vec<Segment>,
    rows: Vec<(Method, H)>,
}

/// In the order of precedence: literal text first, then the longer literal parts.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(&'static str),
    Param { before: &'static str, name: &'static str, after: &'static str },
    Rest { name: &'static str },
}

impl Segment {
    fn parse(text: &'static str) -> Option<Segment> {
        let Some((before, tail)) = text.split_once('{') else {
            return (!text.contains('}')).then_some(Segment::Literal(text));
        };
        let (name, after) = tail.split_once('}')?;
        if after.contains(['{', '}']) || name.is_empty() {
            return None;
        }
        match name.strip_suffix('*') {
            Some(name) => (before.is_empty() && after.is_empty()).then_some(Segment::Rest { name }),
            None => Some(Segment::Param { before, name, after }),
        }
    }

    /// Smaller goes first. Equal only for segments that match the same texts.
    fn rank(&self) -> (u8, std::cmp::Reverse<usize>, &'static str, &'static str) {
        match *self {
            Segment::Literal(text) => (0, std::cmp::Reverse(0), text, ""),
            Segment::Param { before, after, .. } => {
                (1, std::cmp::Reverse(before.len() + after.len()), before, after)
            }
            Segment::Rest { .. } => (2, std::cmp::Reverse(0), "", ""),
        }
    }
}

impl<H> Router<H> {
    /// Builds the router of a table.
    pub fn new(routes: impl IntoIterator<Item = Route<H>>) -> Result<Router<H>, RouteError> {
        let mut paths: Vec<Path<H>> = Vec::new();
        for Route { method, pattern, handler } in routes {
            let segments = parse_pattern(pattern).ok_or(RouteError::Pattern(pattern))?;
            let same = |path: &&mut Path<H>| {
                path.segments.iter().map(Segment::rank).eq(segments.iter().map(Segment::rank))
            };
            match paths.iter_mut().find(same) {
                Some(path) if path.rows.iter().any(|(own, _)| *own == method) => {
                    return Err(RouteError::Double(method, pattern));
                }
                // The names of parameters belong to the path, so all methods must agree on them.
                Some(path) if path.segments != segments => {
                    return Err(RouteError::Pattern(pattern));
                }
                Some(path) => path.rows.push((method, handler)),
                None => paths.push(Path { segments, rows: vec![(method, handler)] }),
            }
        }
        paths.sort_by(|left, right| {
            left.segments.iter().map(Segment::rank).cmp(right.segments.iter().map(Segment::rank))
        });
        let literal = paths.iter().enumerate().filter_map(|(index, path)| match &*path.segments {
            [Segment::Literal(text)] => Some((*text, index)),
            _ => None,
        });
        let literal = literal.collect();
        Ok(Router { paths, literal })
    }

    /// Looks up a path as it came (not decoded, without query).
    pub fn lookup(&self, method: Method, raw_path: &str) -> Lookup<'_, H> {
        let Some((path, params)) = self.find(raw_path) else {
            return Lookup::Missing;
        };
        let row = |wanted: Method| path.rows.iter().find(|(own, _)| *own == wanted);
        let fallback = || if method == Method::Head { row(Method::Get) } else { None };
        match row(method).or_else(fallback) {
            Some((_, handler)) => Lookup::Found(handler, params),
            None => Lookup::WrongMethod(path.rows.iter().map(|(own, _)| *own).collect()),
        }
    }

    /// The methods of a path, in the order of the table; none if there is no such path.
    pub fn methods(&self, raw_path: &str) -> Vec<Method> {
        let found = self.find(raw_path);
        found.map_or_else(Vec::new, |(path, _)| path.rows.iter().map(|(own, _)| *own).collect())
    }

    fn find(&self, raw_path: &str) -> Option<(&Path<H>, Params)> {
        let inner = raw_path.strip_prefix('/')?;
        if let Some(index) = self.literal.get(inner) {
            return Some((&self.paths[*index], Params::default()));
        }
        let decode = |text: &str| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
        let texts = inner.split('/').map(decode).collect::<Option<Vec<String>>>()?;
        // An encoded slash separates nothing, so such a path is no literal one.
        let plain = inner.contains('%') && !texts.iter().any(|text| text.contains('/'));
        if plain && let Some(index) = self.literal.get(texts.join("/").as_str()) {
            return Some((&self.paths[*index], Params::default()));
        }
        self.paths.iter().find_map(|path| Some((path, match_path(&path.segments, &texts)?)))
    }
}

fn parse_pattern(pattern: &'static str) -> Option<Vec<Segment>> {
    let inner = pattern.strip_prefix('/')?;
    if !inner.contains('{') {
        // One literal is one look in a map, however many segments it has.
        return (!inner.contains('}')).then(|| vec![Segment::Literal(inner)]);
    }
    let segments = inner.split('/').map(Segment::parse).collect::<Option<Vec<_>>>()?;
    let rest_is_last =
        segments.iter().rev().skip(1).all(|one| !matches!(one, Segment::Rest { .. }));
    rest_is_last.then_some(segments)
}

fn match_path(segments: &[Segment], texts: &[String]) -> Option<Params> {
    if let [Segment::Literal(_)] = segments {
        return None; // found in the map of literal paths or not at all
    }
    let mut params = Params::default();
    let mut texts = texts.iter();
    for segment in segments {
        match segment {
            Segment::Literal(literal) => {
                if texts.next()? != literal {
                    return None;
                }
            }
            Segment::Param { before, name, after } => {
                let value = texts.next()?.strip_prefix(before)?.strip_suffix(after)?;
                if value.is_empty() {
                    return None;
                }
                params.0.push((name, value.to_owned()));
            }
            Segment::Rest { name } => {
                // The slash before the rest must be there, even if nothing follows it.
                let first = texts.next()?.clone();
                let rest = texts.by_ref().fold(first, |rest, text| rest + "/" + text);
                params.0.push((name, rest));
            }
        }
    }
    texts.next().is_none().then_some(params)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TABLE: &[(Method, &str)] = &[
        (Method::Get, "/"),
        (Method::Get, "/files/file"),
        (Method::Post, "/files/add"),
        (Method::Get, "/files/{rest*}"),
        (Method::Get, "/scene/{id}/stream"),
        (Method::Post, "/scene/{id}/stream"),
        (Method::Get, "/scene/{id}/stream.m3u8/{n}.ts"),
        (Method::Get, "/scene/{hash}_sprite.jpg"),
        (Method::Get, "/scene/{id}/{what}"),
    ];

    fn router() -> Router<usize> {
        let rows = TABLE.iter().enumerate();
        Router::new(rows.map(|(index, row)| Route::new(row.0, row.1, index))).unwrap()
    }

    #[track_caller]
    fn check(method: Method, path: &str, pattern: &str, params: &[(&'static str, &str)]) {
        let router = router();
        let Lookup::Found(index, found) = router.lookup(method, path) else {
            panic!("{method} {path} is not found");
        };
        assert_eq!(TABLE[*index].1, pattern, "{path}");
        for (name, value) in params {
            assert_eq!(found.get(name), Some(*value), "{path}");
        }
        assert_eq!(found.0.len(), params.len(), "{path}");
    }

    #[test]
    fn literal_paths_are_found() {
        check(Method::Get, "/", "/", &[]);
        check(Method::Get, "/files/file", "/files/file", &[]);
        check(Method::Get, "/files/f%69le", "/files/file", &[]);
    }

    #[test]
    fn parameters_are_decoded_within_their_segment() {
        check(Method::Get, "/scene/7/stream", "/scene/{id}/stream", &[("id", "7")]);
        check(Method::Get, "/scene/a%2Fb/x", "/scene/{id}/{what}", &[("id", "a/b"), ("what", "x")]);
        check(Method::Get, "/scene/ab_sprite.jpg", "/scene/{hash}_sprite.jpg", &[("hash", "ab")]);
        let segment = [("id", "7"), ("n", "12")];
        check(
            Method::Get,
            "/scene/7/stream.m3u8/12.ts",
            "/scene/{id}/stream.m3u8/{n}.ts",
            &segment,
        );
    }

    #[test]
    fn the_rest_of_a_path_may_be_empty() {
        check(Method::Get, "/files/", "/files/{rest*}", &[("rest", "")]);
        check(Method::Get, "/files/a/b", "/files/{rest*}", &[("rest", "a/b")]);
    }

    #[test]
    fn head_is_get() {
        check(Method::Head, "/files/file", "/files/file", &[]);
    }

    #[test]
    fn a_path_of_other_methods_names_them() {
        let router = router();
        assert_eq!(
            router.lookup(Method::Put, "/scene/7/stream"),
            Lookup::WrongMethod(vec![Method::Get, Method::Post])
        );
        assert_eq!(
            router.lookup(Method::Head, "/files/add"),
            Lookup::WrongMethod(vec![Method::Post])
        );
        assert_eq!(router.methods("/files/add"), [Method::Post]);
    }

    #[test]
    fn nothing_is_forgiven() {
        let router = router();
        for path in [
            "",
            "scene",
            "//",
            "/scene",
            "/scene/",
            "/scene/7",
            "/scene/7/stream/",
            "/scene//stream",
            "/scene/_sprite.jpg",
            "/scene/%ff/stream",
            "/files",
            "/Files/file",
            "/scene/7/stream.m3u8/.ts",
        ] {
            assert_eq!(router.lookup(Method::Get, path), Lookup::Missing, "{path}");
        }
    }

    #[test]
    fn bad_tables_are_refused() {
        let build = |patterns: &[&'static str]| {
            Router::new(patterns.iter().map(|one| Route::new(Method::Get, one, ()))).err()
        };
        assert_eq!(build(&["/a", "/a"]), Some(RouteError::Double(Method::Get, "/a")));
        assert_eq!(build(&["/{a}/x", "/{b}/x"]), Some(RouteError::Double(Method::Get, "/{b}/x")));
        for pattern in ["a", "", "/{}", "/{a", "/a}", "/{a*}/b", "/x{a*}", "/{a}{b}"] {
            assert_eq!(build(&[pattern]), Some(RouteError::Pattern(pattern)), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn no_path_panics(path in "\\PC*") {
            router().lookup(Method::Get, &path);
        }

        #[test]
        fn the_order_of_the_table_does_not_matter(path in "/(files|scene)(/(file|add|7|stream)){0,3}/?") {
            let rows = TABLE.iter().enumerate().rev();
            let reversed =
                Router::new(rows.map(|(index, row)| Route::new(row.0, row.1, index))).unwrap();
            let router = router();
            match (router.lookup(Method::Get, &path), reversed.lookup(Method::Get, &path)) {
                (Lookup::Found(left, _), Lookup::Found(right, _)) => prop_assert_eq!(left, right),
                (left, right) => prop_assert_eq!(left, right),
            }
        }
    }
}
