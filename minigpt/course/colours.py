"""Name the colours of figures and panels.

The first four are Okabe and Ito's, which colour-blind readers can tell apart. The CSS
colours follow JupyterLab's theme; other pages use the value after the comma.
"""

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
COLOURS = [BLUE, VERMILLION, GREEN, PURPLE]
GREY = "#767676"

INK = "var(--jp-ui-font-color1, #202020)"
FAINT = "var(--jp-ui-font-color2, #666666)"
GRID = "var(--jp-border-color2, #dddddd)"
PAPER = "var(--jp-layout-color0, #ffffff)"
SHADE = "var(--jp-layout-color2, #e6e6e6)"
HATCH = "var(--jp-border-color1, #bdbdbd)"
BRAND = f"var(--jp-brand-color1, {BLUE})"
ERROR = "var(--jp-error-color1, #b00020)"
