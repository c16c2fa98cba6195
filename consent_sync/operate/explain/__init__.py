"""Why a contact point may or may not be mailed: the same look and decision as always, put into words."""
