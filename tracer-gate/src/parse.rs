//! Grammar of expressions.

use std::ops::Range;

use winnow::{
    ascii::multispace0,
    combinator::{alt, cut_err, delimited, not, opt, peek, preceded, repeat, terminated},
    error::{ContextError, StrContext, StrContextValue},
    prelude::*,
    stream::LocatingSlice,
    token::{one_of, take_while},
};

use crate::{fault::Fault, tree::Tree};

/// Longest expression, in bytes.
const LONGEST: usize = 4096;
/// Most parentheses inside of each other.
const DEEPEST: usize = 64;

type Input<'a> = LocatingSlice<&'a str>;

/// A comparison as typed: neither its names nor its unit are checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Typed {
    /// Words of the path.
    pub(crate) path: Vec<(Word, Range<usize>)>,
    /// The operator.
    pub(crate) operator: Operator,
    /// Value that the figure is compared with.
    pub(crate) limit: Literal,
    /// Place of that value.
    pub(crate) limit_at: Range<usize>,
}

/// A word of a path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Word {
    /// Key of an object.
    Name(String),
    /// Text in brackets: a pattern of names, or a key of an object.
    Quoted(String),
    /// Index in a list, in brackets.
    Index(usize),
    /// Star in brackets: every element of a list.
    Star,
}

/// Operator of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
    /// `!=`
    Unequal,
}

/// Value as typed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    /// A number with its unit.
    Number {
        /// Sign, which makes it a change.
        sign: Option<char>,
        /// Number without its sign.
        number: f64,
        /// Letters behind it.
        unit: String,
    },
    /// A text in quotes.
    Text(String),
    /// `true` or `false`.
    Truth(bool),
}

/// Parses an expression.
pub(crate) fn parse(text: &str) -> Result<Tree<Typed>, Fault> {
    check(text)?;
    let whole = delimited(multispace0, any, multispace0);
    let mut whole = terminated(
        whole,
        expect(winnow::combinator::eof, "`and`, `or` or the end"),
    );
    whole.parse(LocatingSlice::new(text)).map_err(|error| {
        let at = error.offset();
        let end = text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
        Fault::new(text, at..end, message(error.inner(), &text[at..]))
    })
}

/// Refuses what would not print in one line, and what is too long or too deep to parse.
fn check(text: &str) -> Result<(), Fault> {
    if let Some((at, c)) = text.char_indices().find(|(_, c)| c.is_control()) {
        let shown: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let message = format!("control character {}", c.escape_default());
        return Err(Fault::new(&shown, at..at + 1, message));
    }
    let open = text.char_indices().filter(|(_, c)| *c == '(').nth(DEEPEST);
    match open {
        _ if text.len() > LONGEST => {
            let message = format!("longer than {LONGEST} bytes");
            Err(Fault::new("", 0..0, message))
        }
        Some((at, _)) => {
            let message = format!("more than {DEEPEST} parentheses");
            Err(Fault::new(text, at..at + 1, message))
        }
        None => Ok(()),
    }
}

fn message(error: &ContextError, rest: &str) -> String {
    let expected = error.context().find_map(|context| match context {
        StrContext::Expected(StrContextValue::Description(words)) => Some(*words),
        _ => None,
    });
    let expected = expected.unwrap_or("a figure");
    let hint = match rest.as_bytes() {
        [b'=', ..] => "; equality is `==`",
        [b'&', ..] => "; write `and`",
        [b'|', ..] => "; write `or`",
        _ => "",
    };
    match rest.chars().next() {
        None => format!("expected {expected}, and the expression ends{hint}"),
        Some(c) => format!("expected {expected}, got `{c}`{hint}"),
    }
}

/// Names what a parser expects, for the error.
fn expect<'a, O>(
    parser: impl Parser<Input<'a>, O, winnow::error::ErrMode<ContextError>>,
    words: &'static str,
) -> impl Parser<Input<'a>, O, winnow::error::ErrMode<ContextError>> {
    parser.context(StrContext::Expected(StrContextValue::Description(words)))
}

/// A word of the language, such as `and`. A longer name that only begins with it (`android`) is not this word.
fn keyword<'a>(
    word: &'static str,
) -> impl Parser<Input<'a>, (), winnow::error::ErrMode<ContextError>> {
    (word, not(one_of(is_in_name))).void()
}

fn any(input: &mut Input<'_>) -> ModalResult<Tree<Typed>> {
    let or = delimited(multispace0, keyword("or"), multispace0);
    let parts: Vec<_> = separated_cut(all, or, input)?;
    Ok(joined(parts, Tree::Any))
}

fn all(input: &mut Input<'_>) -> ModalResult<Tree<Typed>> {
    let and = delimited(multispace0, keyword("and"), multispace0);
    let parts: Vec<_> = separated_cut(part, and, input)?;
    Ok(joined(parts, Tree::All))
}

/// Parts with separators between them; after a separator there must be a part.
fn separated_cut<'a>(
    mut part: impl Parser<Input<'a>, Tree<Typed>, winnow::error::ErrMode<ContextError>>,
    separator: impl Parser<Input<'a>, (), winnow::error::ErrMode<ContextError>>,
    input: &mut Input<'a>,
) -> ModalResult<Vec<Tree<Typed>>> {
    let mut parts = vec![part.parse_next(input)?];
    let mut more: Vec<_> = repeat(0.., preceded(separator, cut_err(part))).parse_next(input)?;
    parts.append(&mut more);
    Ok(parts)
}

fn joined(mut parts: Vec<Tree<Typed>>, join: fn(Vec<Tree<Typed>>) -> Tree<Typed>) -> Tree<Typed> {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => join(parts),
    }
}

fn part(input: &mut Input<'_>) -> ModalResult<Tree<Typed>> {
    let open = ('(', multispace0);
    let close = expect((multispace0, ')'), "`and`, `or` or `)`");
    let grouped = delimited(open, cut_err(any), cut_err(close));
    expect(
        alt((grouped, comparison.map(Tree::Leaf))),
        "a figure, as in requests.count",
    )
    .parse_next(input)
}

fn comparison(input: &mut Input<'_>) -> ModalResult<Typed> {
    let path = path.parse_next(input)?;
    let operator = cut_err(expect(operator, "`>`, `>=`, `<`, `<=`, `==` or `!=`"));
    let operator = delimited(multispace0, operator, multispace0).parse_next(input)?;
    let limit = expect(literal, "a number, a text in quotes, true or false");
    let (limit, limit_at) = cut_err(limit).with_span().parse_next(input)?;
    Ok(Typed {
        path,
        operator,
        limit,
        limit_at,
    })
}

fn path(input: &mut Input<'_>) -> ModalResult<Vec<(Word, Range<usize>)>> {
    let letter = peek(one_of(|c: char| c.is_ascii_alphabetic()));
    let first = preceded(letter, name).with_span().parse_next(input)?;
    let next = expect(name, "a name");
    let below = preceded('.', cut_err(next)).with_span();
    let below = below.map(|(word, at)| (word, at.start + 1..at.end));
    let mut rest: Vec<_> = repeat(0.., alt((below, bracket.with_span()))).parse_next(input)?;
    rest.insert(0, first);
    Ok(rest)
}

fn is_in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

fn name(input: &mut Input<'_>) -> ModalResult<Word> {
    let letters = take_while(1.., is_in_name);
    letters
        .map(|name: &str| Word::Name(name.to_owned()))
        .parse_next(input)
}

fn bracket(input: &mut Input<'_>) -> ModalResult<Word> {
    let digits = take_while(1.., |c: char| c.is_ascii_digit());
    let inside = alt((
        '*'.value(Word::Star),
        quoted.map(Word::Quoted),
        digits.try_map(|digits: &str| digits.parse().map(Word::Index)),
    ));
    let inside = expect(inside, "`*`, a name in quotes, or a number");
    let close = expect(']', "`]`");
    delimited(
        ('[', multispace0),
        cut_err(inside),
        cut_err((multispace0, close)),
    )
    .parse_next(input)
}

fn quoted(input: &mut Input<'_>) -> ModalResult<String> {
    let quote = one_of(['"', '\'']).parse_next(input)?;
    let mut inside = take_while(0.., move |c| c != quote);
    let text = inside.parse_next(input)?.to_owned();
    cut_err(expect(quote, "the closing quote")).parse_next(input)?;
    Ok(text)
}

fn operator(input: &mut Input<'_>) -> ModalResult<Operator> {
    alt((
        ">=".value(Operator::AtLeast),
        "<=".value(Operator::AtMost),
        "==".value(Operator::Equal),
        "!=".value(Operator::Unequal),
        '>'.value(Operator::Above),
        '<'.value(Operator::Below),
    ))
    .parse_next(input)
}

fn literal(input: &mut Input<'_>) -> ModalResult<Literal> {
    alt((
        number,
        quoted.map(Literal::Text),
        keyword("true").value(Literal::Truth(true)),
        keyword("false").value(Literal::Truth(false)),
    ))
    .parse_next(input)
}

fn number(input: &mut Input<'_>) -> ModalResult<Literal> {
    let sign = opt(one_of(['+', '-'])).parse_next(input)?;
    let digits = || take_while(1.., |c: char| c.is_ascii_digit());
    let number = (digits(), opt(('.', digits()))).take();
    let number = number
        .try_map(|digits: &str| digits.parse::<f64>())
        .parse_next(input)?;
    let unit = take_while(0.., |c: char| c.is_alphabetic() || c == '%').parse_next(input)?;
    Ok(Literal::Number {
        sign,
        number,
        unit: unit.to_owned(),
    })
}
