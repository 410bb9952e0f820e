"""Export of an entry: a `.config` file of key="value" lines. Secrets are left out."""

from autotag.configuration.store import Resolved, shown_values


def export(resolved: Resolved) -> str:
    """Return the file's text: one line a field, backslashes and quotation marks escaped by a backslash."""
    lines = []
    for name, text in shown_values(resolved).items():
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'{name}="{escaped}"')
    return "\n".join(lines) + "\n"


def export_name(resolved: Resolved) -> str:
    """Return the file's name."""
    return f"autotag.{resolved.entry.key}.config"
