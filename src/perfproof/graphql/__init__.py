"""GraphQL documents: what is wrong with one, one cut to a depth, and one with a field left out.

Read with graphql-core, which is an extra (``pip install 'perfproof[graphql]'``): sending a query needs no reader.
"""
