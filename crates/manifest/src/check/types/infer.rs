//! Goes through one expression and tells what each part may come to.

use std::rc::Rc;

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators,
};

use super::catalog::Catalog;
use super::kinds::Kinds;
use super::rules;
use crate::problem::{At, nearest};

/// What a part may come to, and what is known of its inside.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    pub(super) kinds: Kinds,
    inside: Inside,
}

#[derive(Debug, Clone)]
enum Inside {
    Unknown,
    /// An event of one of these names; of no name where it may be any.
    Event(Rc<[String]>),
    /// A list of such events.
    Events(Rc<[String]>),
    /// An object among such an event's properties, at a dotted path.
    Properties(Rc<[String]>, String),
}

impl Typed {
    pub(super) fn plain(kinds: Kinds) -> Self {
        Self { kinds, inside: Inside::Unknown }
    }

    /// An event of one of these names.
    pub(super) fn event(names: &[String]) -> Self {
        Self { kinds: Kinds::OBJECT, inside: Inside::Event(names.into()) }
    }

    /// The same where it need not be there.
    pub(super) fn or_null(mut self) -> Self {
        self.kinds = self.kinds.or(Kinds::NULL);
        self
    }

    /// A list of events of these names.
    pub(super) fn events(names: &[String]) -> Self {
        Self { kinds: Kinds::LIST, inside: Inside::Events(names.into()) }
    }

    fn element(&self) -> Self {
        match &self.inside {
            Inside::Events(names) => Self { kinds: Kinds::OBJECT, inside: Inside::Event(Rc::clone(names)) },
            // walking over an object is walking over its keys
            _ if self.kinds == Kinds::OBJECT => Self::plain(Kinds::TEXT),
            _ => Self::plain(Kinds::ANY),
        }
    }
}

/// The variables that can be seen.
pub(super) type Variables = Vec<(String, Typed)>;

/// One expression being looked at.
pub(super) struct Inference<'a> {
    catalog: &'a Catalog,
    variables: Variables,
    path: &'a str,
    pub(super) problems: Vec<At>,
    pub(super) warnings: Vec<At>,
}

impl<'a> Inference<'a> {
    pub(super) fn new(catalog: &'a Catalog, variables: &Variables, path: &'a str) -> Self {
        let variables = variables.clone();
        Self { catalog, variables, path, problems: Vec::new(), warnings: Vec::new() }
    }

    fn refuse(&mut self, reason: String, hint: String) -> Typed {
        self.problems.push(At::new(self.path, reason).hint(hint));
        Typed::plain(Kinds::ANY)
    }

    pub(super) fn of(&mut self, expression: &IdedExpr) -> Typed {
        match &expression.expr {
            Expr::Literal(literal) => Typed::plain(of_literal(literal)),
            Expr::Ident(name) => {
                let found = self.variables.iter().rev().find(|(known, _)| known == name);
                found.map_or(Typed::plain(Kinds::ANY), |(_, typed)| typed.clone())
            }
            Expr::Select(select) => self.select(select),
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::List(list) => {
                for element in &list.elements {
                    self.of(element);
                }
                Typed::plain(Kinds::LIST)
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.of(&entry.value);
                    }
                }
                Typed::plain(Kinds::OBJECT)
            }
            Expr::Struct(_) | Expr::Unspecified => Typed::plain(Kinds::ANY),
        }
    }

    fn select(&mut self, select: &SelectExpr) -> Typed {
        let operand = self.of(&select.operand);
        if !operand.kinds.meets(Kinds::OBJECT) {
            let what = written(&select.operand);
            let reason = format!("{what} is {} and has no `{}`", operand.kinds, select.field);
            return self.refuse(reason, "only objects have fields".to_owned());
        }
        let found = match operand.inside {
            Inside::Event(names) => of_field(&select.field, &names),
            Inside::Properties(names, path) => {
                let path =
                    if path.is_empty() { select.field.clone() } else { format!("{path}.{}", select.field) };
                self.property(names, path, &select.operand)
            }
            Inside::Unknown | Inside::Events(_) => Typed::plain(Kinds::ANY),
        };
        if select.test { Typed::plain(Kinds::BOOL) } else { found }
    }

    fn property(&mut self, names: Rc<[String]>, path: String, object: &IdedExpr) -> Typed {
        if !self.catalog.knows(&names) {
            return Typed::plain(Kinds::ANY);
        }
        let kinds = self.catalog.kinds(&names, &path);
        if kinds.is_empty() {
            self.unknown_property(&names, &path, object);
            return Typed::plain(Kinds::ANY);
        }
        let inside =
            if kinds.meets(Kinds::OBJECT) { Inside::Properties(names, path) } else { Inside::Unknown };
        Typed { kinds, inside }
    }

    fn unknown_property(&mut self, names: &[String], path: &str, object: &IdedExpr) {
        let root = written_root(object);
        let known = self.catalog.paths(names);
        let hint = match nearest(path, known.iter().copied()) {
            Some(meant) => format!("did you mean {root}.properties.{meant}?"),
            None => format!("seen so far: {}", known.iter().take(12).copied().collect::<Vec<_>>().join(", ")),
        };
        let events: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
        let reason = format!("no {} was seen with the property `{path}` yet", events.join(" or "));
        self.warnings.push(At::new(self.path, reason).hint(hint));
    }

    fn call(&mut self, call: &CallExpr) -> Typed {
        let operands: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        match (call.func_name.as_str(), operands.as_slice()) {
            (operators::CONDITIONAL, [condition, then, otherwise]) => {
                self.needs(condition, Kinds::BOOL, "decide between two values");
                let (then, otherwise) = (self.of(then), self.of(otherwise));
                Typed::plain(then.kinds.or(otherwise.kinds))
            }
            (operators::INDEX, [list, place]) => {
                let (list_typed, _) = (self.of(list), self.of(place));
                if !list_typed.kinds.meets(Kinds::LIST.or(Kinds::OBJECT)) {
                    let reason = format!("{} is {} and has no entries", written(list), list_typed.kinds);
                    return self.refuse(reason, "only lists and objects have entries".to_owned());
                }
                if list_typed.kinds == Kinds::LIST { list_typed.element() } else { Typed::plain(Kinds::ANY) }
            }
            ("dyn", [operand]) => {
                self.of(operand);
                Typed::plain(Kinds::ANY)
            }
            (name, [first, rest @ ..]) => match rules::function(name) {
                Some((wanted, result)) => {
                    self.needs(first, wanted, &format!("be given to {}", shown(name)));
                    for operand in rest {
                        self.of(operand);
                    }
                    Typed::plain(result)
                }
                None => self.operator(name, first, rest),
            },
            (_, []) => Typed::plain(Kinds::ANY),
        }
    }

    fn operator(&mut self, name: &str, left: &IdedExpr, rest: &[&IdedExpr]) -> Typed {
        let left_typed = self.of(left);
        let [right] = rest else { return Typed::plain(Kinds::ANY) };
        let right_typed = self.of(right);
        match rules::binary(name, left_typed.kinds, right_typed.kinds) {
            None => Typed::plain(Kinds::ANY),
            Some(result) if result.is_empty() => {
                let verb = rules::verb(name);
                let (l, r) = (left_typed.kinds, right_typed.kinds);
                let reason = format!("{} is {l} and cannot {verb} {r}, {}", written(left), written(right));
                let hint = conversion(left, l, r).or_else(|| conversion(right, r, l)).unwrap_or_default();
                self.refuse(reason, hint)
            }
            Some(result) => Typed::plain(result),
        }
    }

    fn needs(&mut self, expression: &IdedExpr, wanted: Kinds, purpose: &str) {
        let typed = self.of(expression);
        if !typed.kinds.meets(wanted) {
            let reason = format!("{} is {} and cannot {purpose}", written(expression), typed.kinds);
            let hint = conversion(expression, typed.kinds, wanted);
            self.refuse(reason, hint.unwrap_or_else(|| format!("{wanted} is needed")));
        }
    }

    fn comprehension(&mut self, it: &ComprehensionExpr) -> Typed {
        let range = self.of(&it.iter_range);
        if !range.kinds.meets(Kinds::LIST.or(Kinds::OBJECT)) {
            let reason = format!("{} is {} and has no elements", written(&it.iter_range), range.kinds);
            return self.refuse(reason, "only lists and objects can be walked over".to_owned());
        }
        let before = self.variables.len();
        let begin = self.of(&it.accu_init);
        self.variables.push((it.accu_var.clone(), begin));
        self.variables.push((it.iter_var.clone(), range.element()));
        if let Some(second) = &it.iter_var2 {
            self.variables.push((second.clone(), Typed::plain(Kinds::ANY)));
        }
        self.of(&it.loop_step);
        let result = self.of(&it.result);
        self.variables.truncate(before);
        result
    }
}

fn of_literal(literal: &LiteralValue) -> Kinds {
    match literal {
        LiteralValue::Boolean(_) => Kinds::BOOL,
        LiteralValue::Bytes(_) => Kinds::BYTES,
        LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => Kinds::NUMBER,
        LiteralValue::Null => Kinds::NULL,
        LiteralValue::String(_) => Kinds::TEXT,
    }
}

/// A field of an event; that it has none of the name is said elsewhere.
fn of_field(field: &str, names: &Rc<[String]>) -> Typed {
    match field {
        "name" | "type" | "message_id" | "source" | "user_id" | "anonymous_id" => Typed::plain(Kinds::TEXT),
        "occurred_at" | "received_at" => Typed::plain(Kinds::TIME),
        "properties" => {
            Typed { kinds: Kinds::OBJECT, inside: Inside::Properties(Rc::clone(names), String::new()) }
        }
        "traits" | "context" => Typed::plain(Kinds::OBJECT),
        _ => Typed::plain(Kinds::ANY),
    }
}

/// How a text would become what is wanted.
fn conversion(expression: &IdedExpr, is: Kinds, wanted: Kinds) -> Option<String> {
    if is.and(Kinds::TEXT.or(Kinds::NULL)) != is {
        return None;
    }
    let literal = matches!(expression.expr, Expr::Literal(_));
    let function = match wanted {
        _ if wanted == Kinds::TIME => "timestamp",
        _ if wanted == Kinds::DURATION => "duration",
        _ if wanted == Kinds::NUMBER && literal => return Some("write the number without quotes".to_owned()),
        _ if wanted == Kinds::NUMBER => "double",
        _ if wanted == Kinds::BOOL && literal => return Some("write it without quotes".to_owned()),
        _ if wanted == Kinds::BOOL => "bool",
        _ => return None,
    };
    Some(format!("write {function}({})", written(expression).trim_matches('`')))
}

fn shown(function: &str) -> String {
    match function {
        operators::LOGICAL_NOT => "`!`".to_owned(),
        operators::NEGATE => "`-`".to_owned(),
        name => format!("{name}()"),
    }
}

/// A part of an expression as it was written, where that is short.
fn written(expression: &IdedExpr) -> String {
    plain(expression).map_or_else(|| "this".to_owned(), |text| format!("`{text}`"))
}

fn plain(expression: &IdedExpr) -> Option<String> {
    match &expression.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) => Some(format!("{}.{}", plain(&select.operand)?, select.field)),
        Expr::Literal(LiteralValue::String(text)) => Some(format!("'{}'", text.inner())),
        Expr::Literal(LiteralValue::Boolean(truth)) => Some(truth.inner().to_string()),
        Expr::Literal(LiteralValue::Int(number)) => Some(number.inner().to_string()),
        Expr::Literal(LiteralValue::Double(number)) => Some(number.inner().to_string()),
        Expr::Call(call) => {
            let operands: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
            match (call.func_name.as_str(), operands.as_slice()) {
                (operators::INDEX, [list, place]) => Some(format!("{}[{}]", plain(list)?, plain(place)?)),
                (name, [only]) if name.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                    Some(format!("{name}({})", plain(only)?))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// The event among whose properties an object is.
fn written_root(expression: &IdedExpr) -> String {
    let text = plain(expression).unwrap_or_else(|| "event".to_owned());
    text.split(".properties").next().unwrap_or("event").to_owned()
}
