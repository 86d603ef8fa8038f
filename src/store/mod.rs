//! Redb and nobody else: tables, codecs, transactions, migration, check.
