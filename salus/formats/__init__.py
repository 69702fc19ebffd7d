"""Standards and strict reading of files; nothing here knows a chain or a resource.

Modules: ``json_file`` reads JSON and text that strangers wrote, with exact numbers; ``fhir`` finds and validates FHIR
resources in a file; ``gs1`` GS1 identifiers; ``digital_link`` labels as web addresses; ``epcis`` EPCIS 2.0 events;
``commitments`` what stands on chain for a private record.
"""
