//! Checks an expression before it is used, and makes all its numbers doubles.

use std::collections::BTreeMap;

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::common::types::CelDouble;

use super::limits;
use super::program::{CompileError, Uses};

/// Functions with an integer result; in arithmetic it becomes a double.
const INTEGER_FUNCTIONS: [&str; 16] = [
    "size",
    "int",
    "uint",
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
    "_%_",
    "indexOf",
    "lastIndexOf",
];

/// The other functions that may be called.
const OTHER_FUNCTIONS: [&str; 11] = [
    "double",
    "string",
    "bool",
    "bytes",
    "type",
    "dyn",
    "duration",
    "timestamp",
    "contains",
    "startsWith",
    "endsWith",
];

const ARITHMETIC: [&str; 4] = [operators::ADD, operators::SUBSTRACT, operators::MULTIPLY, operators::DIVIDE];

/// An upper bound for how deep the parser would have to go: open brackets, and operators that nest to one side.
/// Texts in quotes are not told apart, so the bound may be too high for them; that is the safe side.
pub(super) fn nesting(text: &str) -> usize {
    let (mut open, mut deepest, mut run) = (0_usize, 0_usize, 0_usize);
    let mut longest_run = 0_usize;
    for c in text.chars() {
        match c {
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            _ => {}
        }
        if matches!(c, '!' | '-' | '?') {
            run += 1;
        } else if c == ',' {
            run = 0;
        }
        deepest = deepest.max(open);
        longest_run = longest_run.max(run);
    }
    deepest.max(longest_run)
}

/// Checks functions, macros and depth; tells what is read.
pub(super) fn check(expression: &IdedExpr) -> Result<Uses, CompileError> {
    let mut check = Check::default();
    check.visit(expression, 0)?;
    Ok(check.uses)
}

#[derive(Default)]
struct Check {
    uses: Uses,
    // Variables of the macros around the expression at hand.
    bound: Vec<String>,
    macros: usize,
    macro_depth: usize,
}

impl Check {
    fn visit(&mut self, expression: &IdedExpr, depth: usize) -> Result<(), CompileError> {
        if depth > limits::MAX_DEPTH {
            return Err(CompileError::TooDeep);
        }
        let next = depth + 1;
        match &expression.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => {
                self.read(name, "*");
                Ok(())
            }
            Expr::Select(select) => {
                if let Expr::Ident(name) = &select.operand.expr {
                    self.read(name, &select.field);
                    return Ok(());
                }
                self.visit(&select.operand, next)
            }
            Expr::Call(call) => self.visit_call(call, next),
            Expr::Comprehension(comprehension) => self.visit_macro(comprehension, next),
            Expr::List(list) => list.elements.iter().try_for_each(|element| self.visit(element, next)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| self.visit_entry(&entry.expr, next)),
            Expr::Struct(_) => Err(CompileError::Syntax("messages cannot be made here".to_owned())),
        }
    }

    fn visit_entry(&mut self, entry: &EntryExpr, depth: usize) -> Result<(), CompileError> {
        match entry {
            EntryExpr::StructField(field) => self.visit(&field.value, depth),
            EntryExpr::MapEntry(entry) => {
                self.visit(&entry.key, depth)?;
                self.visit(&entry.value, depth)
            }
        }
    }

    fn visit_call(&mut self, call: &CallExpr, depth: usize) -> Result<(), CompileError> {
        let name = call.func_name.as_str();
        if name == "matches" {
            let pattern = call.args.last().map(|argument| &argument.expr);
            match pattern {
                Some(Expr::Literal(LiteralValue::String(text)))
                    if text.inner().len() <= limits::MAX_REGEX => {}
                _ => return Err(CompileError::Regex),
            }
        } else if is_name(name) && !INTEGER_FUNCTIONS.contains(&name) && !OTHER_FUNCTIONS.contains(&name) {
            return Err(CompileError::UnknownFunction(name.to_owned()));
        }
        if let Some(target) = &call.target {
            self.visit(target, depth)?;
        }
        call.args.iter().try_for_each(|argument| self.visit(argument, depth))
    }

    fn visit_macro(&mut self, it: &ComprehensionExpr, depth: usize) -> Result<(), CompileError> {
        self.macros += 1;
        self.macro_depth += 1;
        if self.macros > limits::MAX_MACROS || self.macro_depth > limits::MAX_MACRO_DEPTH {
            return Err(CompileError::TooManyMacros);
        }
        self.visit(&it.iter_range, depth)?;
        let before = self.bound.len();
        self.bound.push(it.iter_var.clone());
        self.bound.extend(it.iter_var2.clone());
        self.bound.push(it.accu_var.clone());
        for part in [&it.accu_init, &it.loop_cond, &it.loop_step, &it.result] {
            self.visit(part, depth)?;
        }
        self.bound.truncate(before);
        self.macro_depth -= 1;
        Ok(())
    }

    fn read(&mut self, variable: &str, field: &str) {
        if self.bound.iter().any(|bound| bound == variable) || variable.starts_with('@') {
            return;
        }
        let uses: &mut BTreeMap<_, _> = &mut self.uses.0;
        uses.entry(variable.to_owned()).or_default().insert(field.to_owned());
    }
}

fn is_name(function: &str) -> bool {
    function.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// Makes the operands of arithmetic doubles, since JSON's numbers are and CEL does not mix them.
pub(super) fn numbers(expression: &mut IdedExpr) {
    match &mut expression.expr {
        Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) | Expr::Struct(_) => {}
        Expr::Select(select) => numbers(&mut select.operand),
        Expr::Call(call) => numbers_of_call(call),
        Expr::Comprehension(it) => {
            // The accumulators of macros are their own affair: only what the author wrote is visited.
            numbers(&mut it.iter_range);
            numbers_of_step(&mut it.loop_step);
        }
        Expr::List(list) => list.elements.iter_mut().for_each(numbers),
        Expr::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    numbers(&mut entry.value);
                }
            }
        }
    }
}

fn numbers_of_call(call: &mut CallExpr) {
    if let Some(target) = &mut call.target {
        numbers(target);
    }
    call.args.iter_mut().for_each(numbers);
    if call.func_name == operators::MODULO {
        call.args.iter_mut().for_each(|argument| wrap(argument, "int"));
    } else if ARITHMETIC.contains(&call.func_name.as_str()) || call.func_name == operators::NEGATE {
        call.args.iter_mut().for_each(to_double);
    }
}

/// In the loop step of a macro, `@result + 1` (of `exists_one`) must stay an integer.
fn numbers_of_step(step: &mut IdedExpr) {
    if let Expr::Call(call) = &mut step.expr {
        let accumulates = call.args.iter().any(|argument| {
            matches!(&argument.expr, Expr::Ident(name) if name.starts_with('@') || name.starts_with("__"))
        });
        if accumulates || call.func_name == operators::CONDITIONAL {
            call.args.iter_mut().for_each(numbers_of_step);
            return;
        }
    }
    numbers(step);
}

fn to_double(operand: &mut IdedExpr) {
    match &mut operand.expr {
        Expr::Literal(LiteralValue::Int(number)) => {
            let double = CelDouble::from(*number.inner() as f64);
            operand.expr = Expr::Literal(LiteralValue::Double(double));
        }
        Expr::Call(call) if call.func_name == operators::CONDITIONAL => {
            call.args.iter_mut().skip(1).for_each(to_double);
        }
        Expr::Call(call) if INTEGER_FUNCTIONS.contains(&call.func_name.as_str()) => wrap(operand, "double"),
        _ => {}
    }
}

fn wrap(operand: &mut IdedExpr, function: &str) {
    let inner = std::mem::take(operand);
    operand.id = inner.id;
    operand.expr = Expr::Call(CallExpr { func_name: function.to_owned(), target: None, args: vec![inner] });
}
