BYJHy9]y^y9w]
^Tqd]p.Vw].Rqd|I.{Y#|.+Tz5Zÿ?T5Z^=lm]relc&Vhm]#:hgc&