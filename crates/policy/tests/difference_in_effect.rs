//! That a difference tells the effect of all rules together: nobody is said to lose what another
//! rule keeps, and nothing is left out that changes an answer.

use policy::{compile, diff};

const TEXT: &str = include_str!("sound_policy.toml");
const SUPPORT: &str = "essential.service.operations.support";
const RESTS: &str = "resting on LEGITIMATE_INTERESTS";

/// Rules of use at the end of the text, which is the clause `use.answer`.
fn with(rules: &str) -> String {
    let (before, _) = TEXT.rsplit_once("[[clause.permit]]").expect("a rule");
    format!("{before}{rules}")
}

fn permit(categories: &str, rest: &str) -> String {
    format!(
        "[[clause.permit]]\naction = \"use\"\npurposes = [\"{SUPPORT}\"]\n\
         categories = [{categories}]\nbasis = \"LEGITIMATE_INTERESTS\"\n{rest}\n"
    )
}

fn clause(key: &str, rules: &str) -> String {
    format!(
        "[[clause]]\nkey = \"{key}\"\ntitle = \"T\"\nsays = \"S\"\nenforced = \"by rules\"\n{rules}"
    )
}

fn when(ages: &str) -> String {
    format!("when = {{ ages = [{ages}] }}")
}

/// All lines but those of what a clause says of itself.
#[track_caller]
fn told(old: &str, new: &str) -> Vec<String> {
    let [old, new] = [old, new].map(|it| compile(it).expect("it compiles"));
    let lines = diff(&old, &new).into_iter().flat_map(|it| it.lines);
    let own = ["is titled", "says:", "is enforced"];
    lines
        .filter(|it| !own.iter().any(|own| it.contains(own)))
        .collect()
}

const NAME: &str = "\"user.name\"";
const EMAIL: &str = "\"user.contact.email\"";

#[test]
fn an_age_more_or_less_is_told_alone() {
    let [old, new] = [
        "\"16 to 17\", \"adult\"",
        "\"13 to 15\", \"16 to 17\", \"adult\"",
    ]
    .map(|ages| with(&permit(NAME, &when(ages))));
    let what = format!("the company may use user.name for {SUPPORT}");
    let age = "when the person's age is 13 to 15";
    assert_eq!(told(&old, &new), [format!("{what} also {age}, {RESTS}")]);
    assert_eq!(told(&new, &old), [format!("{what} no longer {age}")]);
}

#[test]
fn two_permissions_that_become_one_of_the_same_effect_are_no_change() {
    let [adult, young, both] = ["\"adult\"", "\"16 to 17\"", "\"16 to 17\", \"adult\""]
        .map(|ages| permit(NAME, &when(ages)));
    assert_eq!(told(&with(&(adult + &young)), &with(&both)), [""; 0]);
}

#[test]
fn more_persons_and_more_data_at_once_is_no_loss() {
    let old = with(&permit(NAME, &when("\"adult\"")));
    let new = with(&permit(
        "\"user.name\", \"user.contact.email\"",
        &when("\"16 to 17\", \"adult\""),
    ));
    assert_eq!(
        told(&old, &new),
        [
            format!(
                "the company may use user.name for {SUPPORT} also when the person's age is \
                 16 to 17, {RESTS}"
            ),
            format!(
                "the company may now use user.contact.email for {SUPPORT} when the person's age \
                 is 16 to 17 or adult, {RESTS}"
            ),
        ]
    );
}

#[test]
fn what_another_clause_permits_too_is_marked() {
    let other = clause("use.again", &permit(NAME, ""));
    let more = format!("{TEXT}\n{other}");
    let what = format!("use user.name for {SUPPORT}");
    assert_eq!(
        told(TEXT, &more),
        [format!(
            "the company may now {what}, {RESTS} (the clause use.answer permits it already)"
        )]
    );
    assert_eq!(
        told(&more, TEXT),
        [format!(
            "the company may no longer {what} (the clause use.answer still permits it)"
        )]
    );
}

#[test]
fn what_a_prohibition_refuses_all_of_is_marked() {
    let forbid = "[[clause.forbid]]\naction = \"use\"\npurposes = [\"functional.research\"]\n";
    let old = format!("{TEXT}\n{}", clause("never.research", forbid));
    let research = permit(NAME, "").replace(SUPPORT, "functional.research");
    let new = format!("{old}{}", clause("use.research", &research));
    let what = "use user.name for functional.research";
    assert_eq!(
        told(&old, &new),
        [format!(
            "the company may now {what}, {RESTS} (but the clause never.research refuses it)"
        )]
    );
    assert_eq!(
        told(&new, &old),
        [format!(
            "the company may no longer {what} (the clause never.research refused it anyway)"
        )]
    );
}

#[test]
fn a_clause_of_another_key_is_told_as_one() {
    let new = TEXT.replace("use.answer", "use.reply");
    let changes = diff(&compile(TEXT).unwrap(), &compile(&new).unwrap());
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].clause, "use.reply");
    assert_eq!(
        changes[0].lines,
        ["is now called use.reply, no longer use.answer"]
    );
}

#[test]
fn the_order_of_two_bases_is_told_as_the_answers_name_the_first() {
    let contract = permit(NAME, "").replace("LEGITIMATE_INTERESTS", "CONTRACT");
    let legitimate = permit(NAME, "");
    let [old, new] = [
        format!("{contract}{legitimate}"),
        format!("{legitimate}{contract}"),
    ];
    assert_eq!(
        told(&with(&old), &with(&new)),
        [format!(
            "the company may use user.name for {SUPPORT}, now first {RESTS}, no longer first \
             resting on CONTRACT"
        )]
    );
    let [one, other] = [clause("use.a", &contract), clause("use.b", &legitimate)];
    let [old, new] = [
        format!("{TEXT}\n{one}{other}"),
        format!("{TEXT}\n{other}{one}"),
    ];
    assert_eq!(
        told(&old, &new),
        [format!(
            "the company may use user.name for {SUPPORT}, for which an answer now names this \
             clause before use.a and is now {RESTS} instead of CONTRACT"
        )]
    );
}

#[test]
fn what_cannot_be_asked_in_one_request_any_more_is_told() {
    let together = with(&permit("\"user.name\", \"user.contact.email\"", ""));
    let apart = with(&format!("{}{}", permit(NAME, ""), permit(EMAIL, "")));
    let what =
        format!("use user.contact.email and user.name for {SUPPORT} in one request, {RESTS}");
    assert_eq!(
        told(&together, &apart),
        [format!("the company may no longer {what}")]
    );
    assert_eq!(
        told(&apart, &together),
        [format!("the company may now {what}")]
    );
}

#[test]
fn the_purpose_that_a_point_assumes_is_told() {
    let service = "purposes = [\"essential.service\"]\nbasis";
    let new = TEXT.replace(service, "purposes = [\"essential\"]\nbasis");
    let lines = told(TEXT, &new);
    assert_eq!(
        lines[0],
        "now takes a request at the point form that names no purpose to be for essential, no \
         longer for essential.service"
    );
}

#[test]
fn what_the_point_of_a_draft_lists_is_told() {
    let cookies = |categories: &str| {
        let point = format!(
            "[[collection_point]]\nkey = \"cookies\"\nside = \"site\"\ncategories = [{categories}]\n"
        );
        TEXT.replacen(
            "[[recipient_kind]]",
            &format!("{point}[[recipient_kind]]"),
            1,
        )
    };
    let [old, new] = ["\"user.device\"", "\"user.device\", \"user.government_id\""].map(cookies);
    let what = "lists user.government_id at the point cookies";
    assert_eq!(told(&old, &new), [format!("now {what}")]);
    assert_eq!(told(&new, &old), [format!("no longer {what}")]);
}

#[test]
fn a_prohibition_is_told_by_what_changed_of_it() {
    let forbid = |rest: &str| format!("\n[[clause.forbid]]\naction = \"use\"\n{rest}");
    let accepted = |ways: &str| forbid(&format!("unless = {{ acceptance = [{ways}] }}\n"));
    let text = |forbid: &str| format!("{TEXT}{forbid}");
    let strict = text(&accepted("\"explicit\""));
    let loose = text(&accepted("\"explicit\", \"continued use\""));
    let when = "lifted when the policy was accepted by continued use";
    assert_eq!(
        told(&strict, &loose),
        [format!("the prohibition to use is now also {when}")]
    );
    assert_eq!(
        told(&loose, &strict),
        [format!("the prohibition to use is no longer {when}")]
    );
    assert_eq!(
        told(&text(&forbid("")), &loose),
        [
            "the prohibition to use is now lifted when the policy was accepted by the person or \
          continued use"
        ]
    );

    let name = forbid("categories = [\"user.name\"]\n");
    let both = forbid("categories = [\"user.name\", \"user.contact\"]\n");
    assert_eq!(
        told(&text(&name), &text(&both)),
        ["it is now forbidden to use user.contact and user.name, no longer only to use user.name"]
    );
    assert_eq!(
        told(&text(&both), &text(&name)),
        ["it is now forbidden only to use user.name, no longer to use user.contact and user.name"]
    );

    let wide = format!("{TEXT}\n{}", clause("never", &name));
    assert_eq!(
        told(&format!("{wide}{}", clause("again", &name)), &wide),
        ["it is no longer forbidden to use user.name (the clause never still forbids it)"]
    );
}

#[test]
fn a_loss_reads_as_one() {
    let categories = "categories = [\"user.contact.address\"]\nwhen";
    let new = TEXT.replace(categories, "categories = [\"user.name\"]\nwhen");
    assert_eq!(
        told(TEXT, &new)[0],
        "each carrier may no longer receive user.contact.address for \
         essential.service.payment_processing (until now when it serves an order)"
    );
}

#[test]
fn what_is_added_around_a_key_names_what_is_not() {
    let support = "purposes = [\"essential.service.operations.support\"]";
    let new = TEXT.replace(support, "purposes = [\"essential.service\"]");
    assert_eq!(
        told(TEXT, &new),
        [format!(
            "the company may now use user.contact.email and user.name for essential.service (all \
             but {SUPPORT}), {RESTS}"
        )]
    );
}
