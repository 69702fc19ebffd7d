// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Bits of purposes (HL7 v3 PurposeOfUse) and categories (FHIR resource types, sensitivity labels)
/// @dev A number, once given, is never given to another code.
library ConsentCodes {
    // ---- purposes ------------------------------------------------------------------------------------------------
    uint32 internal constant TREAT = 1 << 0;
    uint32 internal constant ETREAT = 1 << 1;
    uint32 internal constant HPAYMT = 1 << 2;
    uint32 internal constant COVERAGE = 1 << 3;
    uint32 internal constant HOPERAT = 1 << 4;
    uint32 internal constant HRESCH = 1 << 5;
    uint32 internal constant PUBHLTH = 1 << 6;
    uint32 internal constant PATRQT = 1 << 7;
    uint32 internal constant HMARKT = 1 << 8;

    // ---- research uses (Data Use Ontology): narrower purposes below HRESCH, bits 9 to 21 -------------------------
    // The ancestor rule is in the bits: a permit carries the bit of the use that it names and of every narrower one,
    // HRESCH those of all; a request carries its own bit alone. So a permit for a broader use covers a narrower request
    // and never the reverse. A deny carries the broader ones too: who asks for a use that contains the denied one is
    // refused. Which is narrower than which, and which terms no bit can say: salus/consent/duo.json.
    uint32 internal constant DUO_GRU = 1 << 9; // general research use
    uint32 internal constant DUO_HMB = 1 << 10; // health, medical or biomedical research
    uint32 internal constant DUO_POA = 1 << 11; // population origins or ancestry research
    uint32 internal constant DUO_NPOA = 1 << 12; // any research but that
    uint32 internal constant DUO_NMDS = 1 << 13; // any research but on general methods
    uint32 internal constant DUO_GSO = 1 << 14; // genetic studies
    uint32 internal constant DUO_NPU = 1 << 15; // by organisations not for profit
    uint32 internal constant DUO_NCU = 1 << 16; // for non-commercial use
    uint32 internal constant DUO_NPUNCU = 1 << 17; // both of these
    uint32 internal constant DUO_IRB = 1 << 18; // with approval of an ethics board
    uint32 internal constant DUO_PUB = 1 << 19; // with publication of the results
    uint32 internal constant DUO_COL = 1 << 20; // with collaboration
    uint32 internal constant DUO_RTN = 1 << 21; // with return of what is derived

    /// @dev Every purpose that has a number.
    uint32 internal constant PURPOSES = (1 << 22) - 1;

    // ---- record classes: bits 0 to 39 ----------------------------------------------------------------------------
    uint56 internal constant PATIENT = 1 << 0;
    uint56 internal constant ENCOUNTER = 1 << 1;
    uint56 internal constant CONDITION = 1 << 2;
    uint56 internal constant ALLERGY_INTOLERANCE = 1 << 3;
    uint56 internal constant OBSERVATION = 1 << 4;
    uint56 internal constant DIAGNOSTIC_REPORT = 1 << 5;
    uint56 internal constant IMAGING_STUDY = 1 << 6;
    uint56 internal constant PROCEDURE = 1 << 7;
    uint56 internal constant MEDICATION_REQUEST = 1 << 8;
    uint56 internal constant IMMUNIZATION = 1 << 9;
    uint56 internal constant CARE_PLAN = 1 << 10;
    uint56 internal constant DOCUMENT_REFERENCE = 1 << 11;
    uint56 internal constant CLAIM = 1 << 12; // claims and explanations of benefit
    uint56 internal constant COVERAGE_RECORD = 1 << 13;
    uint56 internal constant MOLECULAR_SEQUENCE = 1 << 14;
    uint56 internal constant DEVICE = 1 << 15;
    uint56 internal constant FAMILY_MEMBER_HISTORY = 1 << 16;
    uint56 internal constant QUESTIONNAIRE_RESPONSE = 1 << 17;
    uint56 internal constant APPOINTMENT = 1 << 18;

    /// @dev "All records" is every class, now or later, and never a sensitivity label: those need their own yes.
    uint56 internal constant ALL_RECORDS = (1 << 40) - 1;

    // ---- sensitivity labels (HL7 v3 ActCode): bits 40 to 55 ------------------------------------------------------
    uint56 internal constant ETH = 1 << 40; // substance abuse
    uint56 internal constant ETHUD = 1 << 41; // alcohol use disorder
    uint56 internal constant OPIOIDUD = 1 << 42;
    uint56 internal constant PSY = 1 << 43;
    uint56 internal constant SDV = 1 << 44; // sexual assault, abuse, domestic violence
    uint56 internal constant HIV = 1 << 45;

    /// @dev What a permit can name: every record class, now or later, and every label that has a number.
    uint56 internal constant CATEGORIES = ALL_RECORDS | ETH | ETHUD | OPIOIDUD | PSY | SDV | HIV;
}
