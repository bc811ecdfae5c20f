BgammaJ şWŒ?ãbi¿Ÿ¨Z¿<“Q>
Ì3¿\ê,?9*…>×Gl¿