//! What a compiled policy tells of itself.

use policy::compile;

const SOUND: &str = include_str!("sound_policy.toml");

#[test]
fn a_rulebook_tells_its_head_as_it_stands_in_the_text() {
    let revised = "revised = 2024-02-29\n";
    let text = SOUND.replace(revised, &format!("{revised}effective = 2024-03-02\n"));
    let rulebook = compile(&text).expect("it is sound");
    assert_eq!(rulebook.name(), "sound");
    assert_eq!(rulebook.title(), "A sound policy");
    assert_eq!(rulebook.revised(), "2024-02-29");
    assert_eq!(rulebook.effective().as_deref(), Some("2024-03-02"));
    // Midnight UTC, which `date` says.
    assert_eq!(rulebook.effective_from(), 1_709_337_600);
    assert_eq!(rulebook.contact(), "privacy@example.org");
    assert_eq!(rulebook.storage_region(), "US");

    let at_once = compile(SOUND).expect("it is sound");
    assert_eq!((at_once.effective(), at_once.effective_from()), (None, 0));
    assert_ne!(at_once.digest(), rulebook.digest());
    assert_eq!(at_once.digest(), compile(SOUND).expect("the same").digest());
}

#[test]
fn a_rulebook_finds_what_the_text_declares_and_nothing_else() {
    let rulebook = compile(SOUND).expect("it is sound");
    assert!(rulebook.point("form").is_some());
    assert!(rulebook.point("nowhere").is_none());
    let purpose = rulebook.purpose_of_point("form");
    assert_eq!(purpose, Some("essential.service"));
    assert_eq!(rulebook.purpose_of_point("nowhere"), None);
    let carrier = rulebook.recipient_kind("carrier").expect("it is declared");
    assert_eq!(carrier.falls_under, "share.delivery");
    assert!(rulebook.recipient_kind("broker").is_none());
    assert_eq!(rulebook.rule_count(), SOUND.matches("[[clause.").count());
}

#[test]
fn a_point_is_for_what_its_own_permission_names() {
    // A second point, and what may be taken there comes first in the text.
    let point =
        "[[collection_point]]\nkey = \"desk\"\nside = \"site\"\ncategories = [\"user.name\"]\n\n";
    let clause = "[[clause]]\nkey = \"take.desk\"\ntitle = \"The desk\"\nsays = \"A desk takes a name.\"\n\
                  enforced = \"by rules\"\n\n[[clause.permit]]\naction = \"collect\"\npoints = [\"desk\"]\n\
                  purposes = [\"essential.service.operations.support\"]\ncategories = [\"user.name\"]\n\
                  basis = \"CONTRACT\"\nretention = \"for 2 years\"\n\n";
    let text = SOUND
        .replacen(
            "[[collection_point]]",
            &format!("{point}[[collection_point]]"),
            1,
        )
        .replacen("[[clause]]", &format!("{clause}[[clause]]"), 1);
    let rulebook = compile(&text).expect("it is sound");
    let support = "essential.service.operations.support";
    assert_eq!(rulebook.purpose_of_point("desk"), Some(support));
    assert_eq!(rulebook.purpose_of_point("form"), Some("essential.service"));
    let idle = SOUND.replacen(
        "[[collection_point]]",
        &format!("{point}[[collection_point]]"),
        1,
    );
    let rulebook = compile(&idle).expect("it is sound, though nobody may take anything there");
    assert_eq!(rulebook.purpose_of_point("desk"), None);
}

#[test]
fn the_purpose_that_is_assumed_does_not_hang_on_the_order_of_rules_or_words() {
    let permit = |purposes: &str, categories: &str| {
        format!(
            "[[clause.permit]]\naction = \"collect\"\npoints = [\"form\"]\npurposes = [{purposes}]\n\
             categories = [{categories}]\nbasis = \"CONTRACT\"\nretention = \"until erased\"\n\n"
        )
    };
    let name = "\"user.name\"";
    let both = "\"user.name\", \"user.contact.email\"";
    let (service, research) = ("\"essential.service\"", "\"functional.research\"");
    let assumed = |rules: [String; 2]| {
        let whole = SOUND
            .split_once("[[clause.permit]]")
            .expect("the first rule");
        let (_, rest) = whole
            .1
            .split_once("[[clause.forbid]]")
            .expect("a prohibition");
        let text = format!("{}{}[[clause.forbid]]{rest}", whole.0, rules.concat());
        let rulebook = compile(&text).expect("it is sound");
        rulebook.purpose_of_point("form")
    };
    for (one, other, purpose) in [
        // As much for the one as for the other: the first in the alphabet.
        (
            permit(service, name),
            permit(research, name),
            "essential.service",
        ),
        // More for the other.
        (
            permit(service, name),
            permit(research, both),
            "functional.research",
        ),
    ] {
        let swapped = [other.clone(), one.clone()];
        assert_eq!(assumed([one, other]), Some(purpose));
        assert_eq!(assumed(swapped), Some(purpose));
    }
    for words in [
        "\"functional.research\", \"essential.service\"",
        "\"essential.service\", \"functional.research\"",
    ] {
        let rules = [permit(words, name), permit(service, name)];
        assert_eq!(assumed(rules), Some("essential.service"));
    }
}
