"""Which tests stand for which threat and which requirement of consents and claims; that each of them is there.

The rows are those of the threat model: TC consents, TP claims and pools, R what is required of both. A test that is
renamed or taken out leaves its row here, and this file says so.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent

# Row: what it is about, and its tests by file.
ROWS = {
    "TC1": ("a withheld grant brings a consent back", {
        "contracts/consent/test_revoke.py": "test_TC1_withheld_grant_dies_with_a_direct_revocation test_TC1_the_limit_is_the_second_of_the_revocation",
        "contracts/consent/test_relay.py": "test_TC1_a_signed_revocation_of_all_kills_what_is_withheld",
    }),
    "TC2": ("the order of nonces blocks a revocation", {
        "contracts/consent/test_order_of_signing.py": "test_TC2_every_order_of_arrival_ends_alike test_TC2_a_withheld_grant_does_not_stop_a_revocation",
    }),
    "TC3": ("replay: twice, as another action, elsewhere, after a fork", {
        "contracts/consent/test_relay.py": "test_TC3_a_grant_is_no_revocation_and_the_reverse test_TC3_a_signature_for_elsewhere_is_refused"
        " test_TC3_another_registry_refuses_what_was_signed_for_this_one test_TC3_after_a_fork_the_separator_is_that_of_the_chain",
        "contracts/claims/test_attestation.py": "test_TC3_a_signature_for_elsewhere test_TC3_after_a_fork_the_separator_is_that_of_the_chain",
    }),
    "TC4": ("a field that is not signed", {
        "contracts/consent/test_relay.py": "test_TC4_no_field_of_a_grant_is_the_relayers_choice test_TC4_no_bit_of_the_word_is_the_relayers_choice",
        "contracts/consent/test_guardians.py": "test_TC4_no_field_of_a_set_is_the_relayers_choice",
        "contracts/consent/test_recovery.py": "test_TC4_no_field_of_a_recovery_is_the_relayers_choice",
    }),
    "TC5": ("account 0 as signer, malleable signatures", {
        "contracts/consent/test_relay.py": "test_TC5_a_mangled_signature_is_refused test_TC5_nobody_has_no_consent_to_give"
        " test_TC5_the_upper_half_of_the_curve_is_refused_in_two_words test_TC5_both_spellings_of_a_signature_are_one_order",
        "contracts/claims/test_attestation.py": "test_TC5_what_is_no_signature",
    }),
    "TC6": ("the signer's kind changes", {
        "contracts/consent/test_wallets.py": "test_TC6_a_wallet_that_does_anything_else_does_not test_TC6_the_answer_of_the_moment_counts"
        " test_TC6_a_key_signs_although_its_account_has_code test_TC6_an_account_without_code_is_no_wallet",
    }),
    "TC7": ("a screen shows what is not signed", {
        "contracts/consent/test_relay.py": "test_TC7_a_field_that_no_type_names_is_not_signed",
        "client/keys/test_signing.py": "test_a_field_that_would_be_shown_and_not_signed_is_refused",
    }),
    "TC8": ("limits of time, and what is cut to fit", {
        "contracts/consent/test_grant.py": "test_TC8_the_status_follows_the_clock test_TC8_a_field_that_is_too_wide_never_runs_into_its_neighbour",
        "contracts/consent/test_relay.py": "test_TC8_a_deadline_is_the_last_second",
    }),
    "TC9": ("guardians and delegates beyond their power", {
        "contracts/consent/test_recovery.py": "test_TC9_a_removed_guardians_old_approval_is_dead test_TC9_nobody_is_moved_before_the_delay_is_over"
        " test_TC9_fewer_than_the_threshold_do_not_move_anybody",
        "contracts/consent/test_delegates.py": "test_TC9_a_minors_guardian_ends_with_the_day_of_majority test_TC1_a_delegate_does_not_revoke_what_is_revoked",
    }),
    "TC10": ("breaking the glass", {
        "contracts/consent/test_break_glass.py": "test_TC10_a_declaration_has_a_cause_a_scope_and_an_end test_C8_each_lasts_as_long_as_it_says test_C8_no_declaration_takes_over_what_another_opens"
        " test_TC10_revoked_staff_gets_nothing_through_it test_TC10_the_glass_opens_its_scope_for_care_alone"
        " test_TC10_a_declaration_is_told_at_once_and_kept",
        "contracts/consent/test_always.py": "test_requirement_8_TC10_a_closed_house_breaks_the_glass",
    }),
    "TC11": ("linking a person's accounts", {
        "scripts/test_privacy.py": "test_no_identifier_is_shared_between_two_institutions test_the_patient_never_pays_and_is_never_paid_for",
    }),
    "TC12": ("lists without a bound", {
        "contracts/consent/test_always.py": "test_TC12_years_of_use_make_nothing_dearer test_TC12_no_function_answers_with_a_list_that_others_make_longer",
        "contracts/consent/test_revoke.py": "test_TC12_revoking_costs_the_same_however_much_was_granted",
    }),
    "TC13": ("a sender that is only claimed", {
        "contracts/consent/test_delegates.py": "test_TC13_nobody_lends_its_name_by_a_call",
    }),
    "TP1": ("paid twice", {
        "contracts/claims/test_gates.py": "test_TP1_a_duplicate test_TP1_a_duplicate_within_the_batch test_TP1_a_refusal_does_not_burn_the_number",
        "contracts/claims/test_lines.py": "test_TP1_the_same_line_again",
        "contracts/claims/test_money.py": "test_TP1_a_token_submits_the_claim_that_is_being_paid",
        "contracts/claims/test_owed.py": "test_TP1_settle_twice",
        "contracts/claims/test_reversal.py": "test_TP1_reverse_twice",
        "client/claims/test_desk.py": "test_what_was_submitted_before_is_not_sent_again_TP1",
    }),
    "TP2": ("the insurer runs", {
        "contracts/claims/test_pools.py": "test_TP2_exit_outside_its_window test_TP2_an_announcement_replaces_the_earlier_and_its_delay"
        " test_TP2_an_exit_leaves_what_is_owed test_TP2_what_is_reserved_stays",
        "contracts/claims/test_money.py": "test_TP2_an_announced_exit_does_not_run_ahead_of_claims",
    }),
    "TP3": ("insolvency", {
        "contracts/claims/test_owed.py": "test_TP3_underfunded_is_owed_not_denied test_TP3_nothing_overtakes_a_debt",
        "contracts/claims/test_pools.py": "test_TP3_a_gift_belongs_to_no_pool",
        "stateful/test_pool.py": "test_pools_against_the_reference",
    }),
    "TP4": ("cover after the fact", {
        "contracts/claims/test_gates.py": "test_TP4_a_service_of_tomorrow test_TP4_the_days_of_the_cover test_TP4_the_waiting_period test_TP4_the_filing_limit",
    }),
    "TP5": ("rounding", {
        "contracts/claims/test_adjudication.py": "test_TP5_coinsurance_is_rounded_against_the_patient test_TP5_the_balance_law",
        "contracts/claims/test_money.py": "test_TP5_tokens_of_6_and_18_places",
        "contracts/claims/test_plans.py": "test_TP5_all_versions_count_in_one_token",
        "contracts/claims/test_reversal.py": "test_TP5_everything_that_it_used_is_restored",
    }),
    "TP6": ("tokens that misbehave", {
        "contracts/claims/test_pools.py": "test_TP6_a_token_with_a_fee_is_refused test_TP6_a_pool_holds_104_bits_and_no_more",
        "contracts/claims/test_payments.py": "test_TP6_a_payment_that_the_token_refuses_is_held test_TP6_a_blocked_payee_does_not_block_another",
    }),
    "TP7": ("power over pools and rules", {
        "contracts/claims/test_payments.py": "test_TP7_only_the_desk_pays",
        "contracts/claims/test_plans.py": "test_TP7_a_sealed_version_never_changes test_TP7_a_version_judges_from_the_delay_on",
        "contracts/claims/test_pools.py": "test_TP7_nobody_else_exits",
        "scripts/test_deploy.py": "test_the_deployer_has_no_power_left test_TP7_the_administrator_itself_cannot_act_at_once",
    }),
    "TP8": ("a stolen key attests claims", {
        "contracts/claims/test_caps.py": "test_TP8_a_stolen_key_takes_no_more_than_the_cap_in_one_block test_TP8_caps_bind_every_version_of_the_series",
        "contracts/claims/test_halt.py": "test_TP8_a_halted_pool_pays_nobody_until_its_second"
        " test_TP8_a_claim_in_a_halted_pool_is_owed_reversed_or_paid_later",
        "contracts/claims/test_attestation.py": "test_TP8_an_operator_that_may_no_longer",
    }),
    "TP9": ("consent races the claim", {
        "contracts/claims/test_gates.py": "test_TP9_a_revocation_in_the_same_block test_TP9_no_such_consent",
        "contracts/claims/test_money.py": "test_TP9_nothing_but_pseudonyms_and_commitments_is_submitted",
    }),
    "TP10": ("griefing", {
        "contracts/claims/test_gas.py": "test_TP10_the_worst_claim_and_what_follows_it test_TP10_a_batch_of_two_hundred",
        "contracts/claims/test_payments.py": "test_TP10_a_starved_payment_reverts_instead_of_being_held",
        "contracts/claims/test_permit.py": "test_TP10_a_permit_that_was_front_run_funds_all_the_same test_TP10_a_permit_that_does_not_serve_is_named",
    }),
    "TP11": ("another payee", {
        "contracts/claims/test_attestation.py": "test_TP11_nobody_submits_for_another test_TP11_another_signed",
    }),
    "TP12": ("what views say in the middle of a payment", {
        "contracts/claims/test_payments.py": "test_TP12_views_tell_the_truth_during_a_payment",
        "contracts/claims/test_money.py": "test_TP12_a_claim_is_final_while_it_is_paid",
    }),
    "R1": ("an EIP-712 domain that is whole, public, and of the chain as it is", {
        "contracts/consent/test_relay.py": "test_the_domain_is_published test_TC3_after_a_fork_the_separator_is_that_of_the_chain",
        "contracts/claims/test_attestation.py": "test_TC3_after_a_fork_the_separator_is_that_of_the_chain",
    }),
    "R2": ("every field that has an effect is signed", {
        "contracts/consent/test_relay.py": "test_TC4_no_field_of_an_order_is_the_relayers_choice",
        "property/test_consent.py": "test_every_signed_field_binds",
    }),
    "R3": ("signatures that are none, and none that is a key of anything", {
        "contracts/consent/test_relay.py": "test_TC5_a_mangled_signature_is_refused test_TC5_both_spellings_of_a_signature_are_one_order",
    }),
    "R4": ("unordered nonces; everything is revoked at a constant cost", {
        "contracts/consent/test_order_of_signing.py": "test_TC2_orders_for_different_grantees_do_not_wait_for_each_other",
        "contracts/consent/test_revoke.py": "test_TC1_withheld_grant_dies_with_the_revocation_of_everything",
        "contracts/consent/test_always.py": "test_TC12_years_of_use_make_nothing_dearer",
    }),
    "R5": ("one outcome, whoever submits and in whichever order", {
        "contracts/consent/test_order_of_signing.py": "test_TC2_every_order_of_arrival_ends_alike",
        "contracts/consent/test_relay.py": "test_whoever_hands_it_in_the_outcome_is_one",
    }),
    "R6": ("deadline and period, each to the second", {
        "contracts/consent/test_relay.py": "test_TC8_a_deadline_is_the_last_second test_TC8_a_grant_that_ended_before_it_came_is_refused",
        "contracts/consent/test_grant.py": "test_TC8_an_account_that_is_too_wide_is_never_cut_to_fit",
    }),
    "R7": ("wallets and delegated accounts", {
        "contracts/consent/test_wallets.py": "test_TC6_a_wallet_that_does_anything_else_does_not test_TC6_where_the_key_did_not_sign_its_code_is_asked",
    }),
    "R8": ("nothing stops a revocation, an own withdrawal, or the glass", {
        "contracts/consent/test_always.py": "test_requirement_8_a_closed_house_revokes test_requirement_8_there_is_no_switch",
        "contracts/claims/test_halt.py": "test_the_surplus_leaves_a_halted_pool_and_what_is_owed_stays",
    }),
    "R9": ("emergencies: reason, scope, end, event, review", {
        "contracts/consent/test_break_glass.py": "test_TC10_a_declaration_has_a_cause_a_scope_and_an_end test_TC10_it_is_open_to_review_for_ever",
    }),
    "R10": ("recovery by a threshold, after a delay, once", {
        "contracts/consent/test_recovery.py": "test_TC9_one_guardian_is_not_two test_C14_a_recovery_that_nobody_finishes_lapses test_TC9_the_old_signatures_move_nobody_again",
        "contracts/consent/test_changing_guardians.py": "test_C14_a_recovery_freezes_the_set",
    }),
    "R11": ("what came in is what is here and what went out", {
        "stateful/test_pool.py": "test_pools_against_the_reference",
        "contracts/claims/test_replay.py": "test_TP3_the_treasury_is_solvent",
    }),
    "R12": ("no withdrawal of what is owed or reserved", {
        "contracts/claims/test_pools.py": "test_TP2_an_exit_beside_debts_and_a_reserve test_TP2_claims_are_paid_from_what_is_leaving",
    }),
    "R13": ("one payment for one line; forward only, but for a reversal that restores", {
        "contracts/claims/test_attestation.py": "test_TP1_what_was_signed_is_paid_once",
        "contracts/claims/test_members.py": "test_TP5_restore_gives_back_to_the_unit test_TP1_restore_twice",
    }),
    "R14": ("the service day within cover and filing limit, not ahead", {
        "contracts/claims/test_gates.py": "test_TP4_the_days_of_the_version test_TP4_the_last_second_to_file test_TP4_a_service_of_tomorrow",
    }),
    "R15": ("what arrives counts; who cannot receive stops nobody", {
        "contracts/claims/test_pools.py": "test_TP6_a_token_with_a_fee_is_refused test_TP6_a_token_without_answer_is_welcome",
        "contracts/claims/test_debts.py": "test_TP6_a_debt_to_who_cannot_receive_is_held test_TP6_no_token_stops_a_settlement",
    }),
    "R16": ("no way back in", {
        "contracts/claims/test_payments.py": "test_TP1_a_token_does_not_come_back_in test_TP12_a_debt_is_gone_while_it_is_paid",
    }),
    "R17": ("rounded one way, by less than a unit", {
        "contracts/claims/test_adjudication.py": "test_TP5_a_share_is_never_a_unit_from_the_exact_one",
    }),
    "R18": ("sealed rules, delayed powers, no path to a pool", {
        "contracts/claims/test_plans.py": "test_TP7_a_sealed_version_never_changes",
        "scripts/test_deploy.py": "test_TP7_what_the_administrator_scheduled_acts_after_the_delay test_nobody_else_was_told_of",
    }),
    "R19": ("caps, and a breaker that stops payments alone", {
        "contracts/claims/test_caps.py": "test_a_cap_is_reached_to_the_unit test_the_next_period_counts_anew",
        "contracts/claims/test_halt.py": "test_the_surplus_leaves_a_halted_pool_and_what_is_owed_stays test_TP8_debts_wait_for_the_end_of_the_halt",
    }),
    "R20": ("a permit that fails harms nobody", {
        "contracts/claims/test_permit.py": "test_TP10_a_permit_that_was_front_run_funds_all_the_same test_an_approval_serves_a_token_without_permits",
    }),
    "R21": ("consent as it is in that transaction", {
        "contracts/claims/test_gates.py": "test_TP9_a_revocation_in_the_same_block",
        "contracts/claims/test_review.py": "test_TP9_a_consent_revoked_meanwhile",
    }),
    "R22": ("the largest that is allowed fits a transaction", {
        "contracts/claims/test_gas.py": "test_TP10_the_worst_claim_and_what_follows_it test_two_hundred_prices_and_members_fit_a_transaction",
        "contracts/consent/test_always.py": "test_TC12_all_of_a_grantees_costs_four_places_at_most",
    }),
    "R23": ("the events alone rebuild what is stored", {
        "contracts/claims/test_replay.py": "test_every_event_happened test_plans_are_rebuilt test_claims_are_rebuilt test_the_treasury_is_rebuilt",
        "property/test_consent.py": "test_random_consents",
    }),
}  # fmt: skip


@cache
def functions_of(file):
    """Names of the test functions of a file."""
    tree = ast.parse((TESTS / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_row_is_here():
    wanted = [f"TC{n}" for n in range(1, 14)] + [f"TP{n}" for n in range(1, 13)] + [f"R{n}" for n in range(1, 24)]
    assert list(ROWS) == wanted


@pytest.mark.parametrize("row", ROWS)
def test_each_row_has_its_tests(row):
    for file, names in ROWS[row][1].items():
        missing = set(names.split()) - functions_of(file)
        assert not missing, f"{row}, {ROWS[row][0]}: {file} has no {', '.join(sorted(missing))}"
    assert all(ROWS[row][1].values())
