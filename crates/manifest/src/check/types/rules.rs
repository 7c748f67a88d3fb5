//! What operators and functions take, and what comes out.

use cel::common::ast::operators;

use super::kinds::Kinds;

/// Kinds that have an order, each within itself.
const ORDERED: [Kinds; 6] =
    [Kinds::NUMBER, Kinds::TEXT, Kinds::BOOL, Kinds::TIME, Kinds::DURATION, Kinds::BYTES];

/// The result of an operator with two operands; nothing where no kinds of them fit.
pub(super) fn binary(operator: &str, left: Kinds, right: Kinds) -> Option<Kinds> {
    Some(match operator {
        operators::ADD => add(left, right),
        operators::SUBSTRACT => subtract(left, right),
        operators::MULTIPLY | operators::DIVIDE | operators::MODULO => both(left, right, Kinds::NUMBER),
        operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS => {
            let comparable = ORDERED.into_iter().any(|kind| left.meets(kind) && right.meets(kind));
            if comparable { Kinds::BOOL } else { Kinds::NONE }
        }
        // anything may be asked whether it is null
        operators::EQUALS | operators::NOT_EQUALS => {
            let equal = left.meets(right) || left == Kinds::NULL || right == Kinds::NULL;
            if equal { Kinds::BOOL } else { Kinds::NONE }
        }
        operators::IN => right.then(Kinds::LIST.or(Kinds::OBJECT), Kinds::BOOL),
        operators::LOGICAL_AND | operators::LOGICAL_OR => both(left, right, Kinds::BOOL),
        _ => return None,
    })
}

fn both(left: Kinds, right: Kinds, kind: Kinds) -> Kinds {
    if left.meets(kind) && right.meets(kind) { kind } else { Kinds::NONE }
}

fn add(left: Kinds, right: Kinds) -> Kinds {
    let same = [Kinds::NUMBER, Kinds::TEXT, Kinds::LIST, Kinds::DURATION, Kinds::BYTES];
    let same = same.into_iter().fold(Kinds::NONE, |all, kind| all.or(both(left, right, kind)));
    let later = right.then(Kinds::DURATION, left.then(Kinds::TIME, Kinds::TIME));
    let later = later.or(left.then(Kinds::DURATION, right.then(Kinds::TIME, Kinds::TIME)));
    same.or(later)
}

fn subtract(left: Kinds, right: Kinds) -> Kinds {
    let same = both(left, right, Kinds::NUMBER).or(both(left, right, Kinds::DURATION));
    let between = left.then(Kinds::TIME, right.then(Kinds::TIME, Kinds::DURATION));
    let earlier = left.then(Kinds::TIME, right.then(Kinds::DURATION, Kinds::TIME));
    same.or(between).or(earlier)
}

/// What a function's first operand (for methods: what they are called on) has to be, and its result; `None` for
/// functions without a rule.
pub(super) fn function(name: &str) -> Option<(Kinds, Kinds)> {
    let sized = Kinds::TEXT.or(Kinds::LIST).or(Kinds::OBJECT).or(Kinds::BYTES);
    let numeric = Kinds::NUMBER.or(Kinds::TEXT);
    Some(match name {
        "size" => (sized, Kinds::NUMBER),
        "int" | "uint" => (numeric.or(Kinds::TIME), Kinds::NUMBER),
        "double" => (numeric, Kinds::NUMBER),
        "string" => (Kinds::ANY, Kinds::TEXT),
        "bool" => (Kinds::TEXT.or(Kinds::BOOL), Kinds::BOOL),
        "duration" => (Kinds::TEXT.or(Kinds::DURATION), Kinds::DURATION),
        "timestamp" => (numeric.or(Kinds::TIME), Kinds::TIME),
        "type" => (Kinds::ANY, Kinds::TYPE),
        "contains" => (Kinds::TEXT.or(Kinds::LIST).or(Kinds::OBJECT), Kinds::BOOL),
        "startsWith" | "endsWith" | "matches" => (Kinds::TEXT, Kinds::BOOL),
        "indexOf" | "lastIndexOf" => (Kinds::TEXT, Kinds::NUMBER),
        "getHours" | "getMinutes" | "getSeconds" | "getMilliseconds" => {
            (Kinds::TIME.or(Kinds::DURATION), Kinds::NUMBER)
        }
        "getFullYear" | "getMonth" | "getDate" | "getDayOfMonth" | "getDayOfWeek" | "getDayOfYear" => {
            (Kinds::TIME, Kinds::NUMBER)
        }
        operators::LOGICAL_NOT => (Kinds::BOOL, Kinds::BOOL),
        operators::NEGATE => (Kinds::NUMBER.or(Kinds::DURATION), Kinds::NUMBER.or(Kinds::DURATION)),
        operators::NOT_STRICTLY_FALSE => (Kinds::ANY, Kinds::BOOL),
        _ => return None,
    })
}

/// What an operator does, for messages.
pub(super) fn verb(operator: &str) -> &'static str {
    match operator {
        operators::ADD => "be added to",
        operators::SUBSTRACT => "be reduced by",
        operators::MULTIPLY => "be multiplied by",
        operators::DIVIDE | operators::MODULO => "be divided by",
        operators::EQUALS | operators::NOT_EQUALS => "ever equal",
        operators::IN => "be in",
        operators::LOGICAL_AND | operators::LOGICAL_OR => "be joined with",
        _ => "be compared with",
    }
}
