// In place of the theme's: `site.css` brings the icons as a font.
