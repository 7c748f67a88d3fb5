//! One compiled expression, whatever it results in.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use cel::common::ast::IdedExpr;
use cel::common::value::CowVal;
use cel::{Context, Env, ExecutionError, Program as CelProgram};

use super::limits;
use super::rewrite;
use super::scope::Scope;

/// Why an expression is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// It does not say anything.
    #[error("the expression is empty")]
    Empty,
    /// It is longer than [`limits::MAX_LENGTH`].
    #[error("the expression has {0} characters; at most {max} are allowed", max = limits::MAX_LENGTH)]
    TooLong(usize),
    /// It nests deeper than [`limits::MAX_DEPTH`].
    #[error("the expression nests deeper than {max} levels", max = limits::MAX_DEPTH)]
    TooDeep,
    /// It is no CEL.
    #[error("not an expression: {0}")]
    Syntax(String),
    /// Macros beyond [`limits::MAX_MACRO_DEPTH`] or [`limits::MAX_MACROS`].
    #[error("more than {macros} macros, or deeper than {depth} within each other",
        macros = limits::MAX_MACROS, depth = limits::MAX_MACRO_DEPTH)]
    TooManyMacros,
    /// A function that is not known.
    #[error("there is no function {0}()")]
    UnknownFunction(String),
    /// A regular expression that is not a short literal.
    #[error("a regular expression must be a literal of at most {max} characters", max = limits::MAX_REGEX)]
    Regex,
}

/// The variables that an expression reads, and which fields of each (`*` where the whole is read).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses(pub(super) BTreeMap<String, BTreeSet<String>>);

impl Uses {
    /// The names of the variables.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The fields of a variable that are read; `*` where it is read as a whole.
    pub fn fields(&self, variable: &str) -> impl Iterator<Item = &str> {
        self.0.get(variable).into_iter().flatten().map(String::as_str)
    }

    /// Whether a variable is read.
    pub fn reads(&self, variable: &str) -> bool {
        self.0.contains_key(variable)
    }

    /// Whether a field of a variable may be read: it is named, or the variable is read as a whole.
    pub fn reads_field(&self, variable: &str, field: &str) -> bool {
        self.0.get(variable).is_some_and(|fields| fields.contains(field) || fields.contains("*"))
    }

    /// Adds what another expression reads.
    pub fn extend(&mut self, other: &Self) {
        for (variable, fields) in &other.0 {
            self.0.entry(variable.clone()).or_default().extend(fields.iter().cloned());
        }
    }

    /// Whether anything but the event, the customer and the fixed variables is read: earlier steps of a match.
    pub fn reads_captures(&self) -> bool {
        self.variables().any(|name| !FIXED.contains(&name))
    }
}

/// The variables that are not steps of a pattern.
pub(crate) const FIXED: [&str; 6] = ["event", "customer", "moment", "instance", "due", "now"];

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A compiled expression. Cloning shares it.
#[derive(Clone)]
pub(super) struct Program(Arc<Inner>);

struct Inner {
    text: String,
    expression: IdedExpr,
    uses: Uses,
}

thread_local! {
    // `None` outside of `remembering`: a compiler that is called once needs no memory.
    static REMEMBERED: RefCell<Option<HashMap<String, Result<Program, CompileError>>>> = const { RefCell::new(None) };
}

/// Compiles each text only once for as long as `work` goes on, in this thread.
pub(crate) fn remembering<T>(work: impl FnOnce() -> T) -> T {
    REMEMBERED.with_borrow_mut(|remembered| *remembered = Some(HashMap::new()));
    let result = work();
    REMEMBERED.with_borrow_mut(|remembered| *remembered = None);
    result
}

impl Program {
    pub(super) fn compile(text: &str) -> Result<Self, CompileError> {
        let known = REMEMBERED
            .with_borrow(|remembered| remembered.as_ref().and_then(|known| known.get(text).cloned()));
        if let Some(known) = known {
            return known;
        }
        let compiled = Self::compile_anew(text);
        REMEMBERED.with_borrow_mut(|remembered| {
            if let Some(known) = remembered {
                known.insert(text.to_owned(), compiled.clone());
            }
        });
        compiled
    }

    fn compile_anew(text: &str) -> Result<Self, CompileError> {
        let length = text.chars().count();
        if text.trim().is_empty() {
            return Err(CompileError::Empty);
        }
        if length > limits::MAX_LENGTH {
            return Err(CompileError::TooLong(length));
        }
        if rewrite::nesting(text) > limits::MAX_DEPTH {
            return Err(CompileError::TooDeep);
        }
        let parsed = CelProgram::compile(text).map_err(|errors| CompileError::Syntax(first_line(&errors)))?;
        let mut expression = parsed.expression().clone();
        let uses = rewrite::check(&expression)?;
        rewrite::numbers(&mut expression);
        Ok(Self(Arc::new(Inner { text: text.to_owned(), expression, uses })))
    }

    pub(super) fn text(&self) -> &str {
        &self.0.text
    }

    pub(super) fn tree(&self) -> &IdedExpr {
        &self.0.expression
    }

    pub(super) fn uses(&self) -> &Uses {
        &self.0.uses
    }

    /// Evaluates and hands the result over while it still borrows from the scope.
    pub(super) fn evaluate<T>(
        &self,
        scope: &Scope<'_>,
        read: impl FnOnce(Result<CowVal<'_, '_>, ExecutionError>) -> T,
    ) -> T {
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        context.set_variable_resolver(scope);
        read(cel::Value::resolve_val(&self.0.expression, &context))
    }
}

/// The parser's first complaint, without its list of everything that might have stood there instead.
fn first_line(errors: &cel::ParseErrors) -> String {
    let text = errors.to_string();
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("it cannot be read");
    let line = line.trim().trim_start_matches("ERROR: ");
    let (place, complaint) = match line.strip_prefix("<input>:").and_then(|rest| rest.split_once(": ")) {
        Some((place, complaint)) => (place.rsplit(':').next(), complaint),
        None => (None, line),
    };
    let complaint = complaint
        .trim_start_matches("Syntax error: ")
        .replace("mismatched input '<EOF>'", "it ends too early")
        .replace("mismatched input", "unexpected");
    let complaint = complaint.split(" expecting ").next().unwrap_or_default();
    match place {
        Some(column) => format!("{complaint} at character {column}"),
        None => complaint.to_owned(),
    }
}
