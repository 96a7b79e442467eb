"""Makes a database ready for the functions: roles, schema, grants, topics; as often as one likes."""
