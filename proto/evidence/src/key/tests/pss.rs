//! RSA-PSS with salts of other lengths than the hash. Keys and signatures are openssl's (3.0.19, `openssl dgst -sha256 -sigopt
//! rsa_padding_mode:pss -sigopt rsa_pss_saltlen:N`), over `message`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::*;

/// A key and its signatures.
struct Made {
    spki: &'static str,
    /// With the longest salt, and with one as long as the hash.
    good: [&'static str; 2],
    /// With salts of 20 bytes, of none and of one byte less than the longest; over SHA-512.
    bad: [&'static str; 4],
}

#[test]
fn verifies_the_longest_salt_as_go_signs_with_and_no_other_but_the_hash_length() {
    for Made { spki, good, bad } in [BITS_2048, BITS_2049] {
        let bytes = |text: &str| STANDARD.decode(text.replace(char::is_whitespace, "")).unwrap();
        let key = PublicKey::from_spki_der(&bytes(spki)).unwrap();
        for signature in good.map(bytes) {
            assert_eq!(key.verify(b"message", &signature), Ok(()));
            let digest = HashAlgorithm::Sha256.digest(b"message");
            assert_eq!(key.verify_prehashed(HashAlgorithm::Sha256, &digest, &signature), Ok(()));
            assert!(key.verify(b"massage", &signature).is_err());
            for at in [0, signature.len() / 2, signature.len() - 1] {
                let mut changed = signature.clone();
                changed[at] ^= 1;
                assert!(key.verify(b"message", &changed).is_err(), "byte {at}");
            }
        }
        for signature in bad.map(bytes) {
            assert!(key.verify(b"message", &signature).is_err());
        }
    }
}

const BITS_2048: Made = Made {
    spki: "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr+s5dFkO9vGqMBMSIJ5W2TipA7aPCscvzk3AR7NOg8H0QYVr47UyeZkl \
         OECucrdFmho7GPgl5MphuFgQco93raxgXPabRmvVoqKKrRkzI4mhAg9ryRFsB9EcSv1vHa01fwAEd62eUQTnooRW7cD2rIqx5l4Q \
         gQl8OCLslUbUqe/GnXh8F8+NPWuavFT/9uZnCy+CyJacDyRGJqC/hFQLVNOw8zQuRXtMA2Z/vy8WQ5QWGdzXnkmkgyFoTWr/2opB \
         1zruAwi3a5I4B34Lsn++2mGimaVkN2GxKCz+93eRLD/btA5uU8XLPeqt8udWZZiWY2QRnQlG4jJN6BNAsTJUjwIDAQAB",
    good: [
        "P68QpYV2tVO29KRvoPQhf3NsQHt4mGLTnmhH10/hjAxb/DqDcjzEvUkKauYtXUzyaqK6jIeTXyB13nWro1j3wr9YnkUShxOjC9Ek \
         KZNUC3lMZ2gaEag+WZlZlmySsS2x6/ItCr9T84QoBUVkQBGLwgtrEvpxr3kzaCx/o99wm5hqVmeEA0i7qd9Zeh5vkxD2vOuq8LU0 \
         ZcIwsRLxj2hmIyoWXUI4Y8d3Rk8RTUypIJQBjOjmr1iOCsvvM6IHfr6MjRhRMJvb6VYfZNgheJSMHezrfPXH3rfWjhtCfTKy+g3i \
         Rh+HXbJ7O15WZideespPBmI87DRv7Zei8rSXZYQWSA==",
        "DYbkPSOMtRNRysq4Zw7Tld5d4t91hQ9CDHGhaMPYhnyRiFG/TXnVKrfncKIIFfYIWEHsnTAgQQcVDEzJ8mkQdslamu+n+Qc280hR \
         Ijp1nbxnVEynZcKOs1Asy18UNUiTvijmu/Y84jmUDKVvL95VWm4C4tcnzUYUTYldl5tNlrOXLM+4UjvENeYzaYBJ3LcfCaG848kn \
         OlKvmAl52AeiAEalC8mz2M0sfzkngvr8dz35clI+wTVtDlwy/fOnrYDvHyiScrlXZ5CagfCJoT8YxYnLCNu8XpKIUaODyioHcKa+ \
         mTHR9Ma/aXkrzygYVaPO7FTnt1o+hDP9XCZlmLffjA==",
    ],
    bad: [
        "MmGFzNlB9pwkWp4hFvuP16tjjDy3qqyRDCbMvyT668RvjlWfqpqOP1pi/Mu8nCmQwbUDJHt+1uIjwmyLPCOFTh/LNN57V5OvZtgg \
         YO01JzncyiX4r+ycCCj/SP3vG6Lv8fPgNZdN5lc/MxctpXBDyeugnCyF08IJtyPPmIDWNYkMiSdPQnB2z0MTfeWdanQppkaxXqaT \
         v0zggOifkru7qJGMkZOo+/+NXYgHpax5EiFy0iQJ2daUYoWSnucDCjvdohuHDGhE50Kih470QVTFNmj/4bXJjMq+e6fke/M8NXz6 \
         fifM7oQvN8Tgc8zD8CvU+QK9XPV5qFfdK3N+cq8I1g==",
        "NAwQirrNXKwhbsg79J9Cacq9nIcM1gwZoLSWQJA7NkyBQTfSiwN5MJAVn6KUOwb7db2FbAzYCoWFa2Nt6jzd2tZn5PXlVjGdI7RO \
         wG9+Y6JPpUeX8vVmvJQfoCeGKa72Iu6kFidwmuCQWxes6HdTHaPhA3sO6lMksuWBOWG3CFMaKu7Q+gCCUvTWVI1l5XULcv1mDlIM \
         t2k6B35uWURrBrh21Gi8c5+w1G95CHTNl+Jx9Sjo79e9PtUxKS4oATexZNQuAhkPbwdmpKSyVqHXAH1GQpc4z9ieUb/3sJXS2ypa \
         RcCLNGIYhDphXXf1C1lbJh9IQ6q5YgcdTmMQ1zQXhw==",
        "V4yPTfnnoXUHZG/0urpbKTQNPJ2lgfslCOpxqnkF5pCT1pHjknqT/RI7tKXwKCj8qqRbG4BD0IgFFdTDIaPdE2z9HRFVcNKCey57 \
         NlPvOziNWlhx0RtLbuQ4c91ViNQsrH8+UriQ8bYHuYEy/zh/rszfJYzF89A+lw8msz2KftnsYOvGsi/CEd+JTUQ0Bjhotl/BANNW \
         mnsGJMAPliRBOBecDUAQ4bDiE0+wmLsKoblWs0CHkug90FldBzCLmk4AcL0CdNFgflq0p5fj3Yfv4RO8q1Ly+U4LZH1LfYtwZTps \
         skPvBJW3SWJANiBqIkPF3cW5TP5NBLeSJ7NPTqMdeg==",
        "KdVVx73SWmk8aWaARmMqEjDn6hMNYmLYsh4/VGr2qYCLCq61QlymCOQitohpLXjibd2oHDemQBB72+NGWgUSu5qdQ+539qbTo8gp \
         yAdCW/REf0fNE1NT6/FxmDvooZg8g/yQl78/FOyDLAIo26hbp6xj8cRdnPx18LytMMb7QAxulSaIaRP3XwJ/hgyWtkgylR0liEe+ \
         CAWkid4kXPVCVe2iIoHQc8k8vI0O6ecgz81ZrMKo+NYVzI8//7BpchPfv2+ZUuTamVmjg2jVJTDWCQ8rKOPJvpkNsSepwKv1UVEq \
         LfdL/YD+9AhkraUvBhnf3m4FauqIytoxiqajSs4G0A==",
    ],
};

const BITS_2049: Made = Made {
    spki: "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAlUiSKF4OfdYlBtAg3IeRLQNvtH255CPz8vzfckOyzeJf8g242q2nJRDl \
         /xIws0+xDXHSIMWuoisCim9S0av6XC+SYXAmYsJSUgthB7YVtiyyxtnbehU9BbTGb9ne3anJL3JL39BiiADLtbzitdNbWASIYtXX \
         4046H1tC3EyR1C/ttL+pK7Zg07Ln66vPwER++mMymGukbzZZpSwtn9rwWbQDTceKAESAsn1mSLEbvlfuzxazJwRQmPbdig5TP7k2 \
         0ocICAsyJk56DOeeOUeW21DgJIypY1CxIUX3/j9jEFhi0bORwNcjTsE9YmLBf5HkUB47WPXQ5+XmhqXpcE/JIwIDAQAB",
    good: [
        "XWfeEjKNA2wlCki0k0PdEK10KWrRCFiIO5zosqxrP1iCiVhMaQT8/w/ufLZoCKdZjeXrhjVcEemUd32DLJFrr7sRx0hhZMarFRvU \
         pa60IFMVDusqYP0bcUl7AJVlBrbK3ZYXuR7ppMnP76iDUOXzdMMpn5D5UjtTAZOPaWRTDoYZ2ytJHG5AkO40/T2pvWl3JACqCJex \
         p9JH9DzJ1lvUzAhlk6PmVFqNx/nFVQ880vyGF4Ih2Kpl9FkXF8i3racJPBC1lRzodSbliFh0qmtXmcfIuNUTuN3vv0pIZpmhDnVV \
         e3nfkkPQivxecxTJoFbRFoMH3TKrAQ5Vpk0w0ikwoQ==",
        "Hx/YueJPG1oDld5AJsJ6nyZEklFXLny9/8NdyWS0th6qxhL0iwibhmTshd1me6DTQosOJGUCN31ORcblYTiK5N2B5Ob8wlCU/t7f \
         ottapKEmy3wf3H/I3HJ0gYzpSi4pf/aethaJb5rlbIDzCPpQXyjrLQXWHjZYWmoSDOcWF4gwTA7rAmk8mSNlDZCOcOcR/S1WAam4 \
         QxLEBgy1lwiR/8MsPTUzvkPvDZ9pFcH0pQidgXvQfFm321P6BoAzjCkrBFIPO9ioIy2Eu0YQ2QlfNY+I+qBqZsVrCYb2Mi/mRv+P \
         kaLbGHOzrw8m8eFFdcb9Fr1RXL5/64C+fEcs7Wzw3w==",
    ],
    bad: [
        "fpLncyaeoNIHMC4rAONzr53qJW/JhS8jnAd94/oRi87ZFtk32gdGWbMW+g/ClbGlmvsbXQ6UlzrJNFXORtqTAQj75/bDHtFqXj/q \
         tq3d9yPsZlOdpx8hSDXGCZtA8LCMC5Z8vHxRwY57d60CHxgYBQu5LSnJRW8E7171ApIL2Mft2jnOyOD7np2WzmavscZ4A28T8RRe \
         7jQ0LQGuNPavNBfME91aaFbzf3w99bI/77DIj9mpyfcTsJCEc8nn8wyL9y2sOYsF/FAimujJzftTCslLpUGYwav6qGGV4DRM8uYS \
         ZshB19MulB99uXYHFIJrmispapXosWsrQGngOaOTfg==",
        "GVlV/QjQwTj3q0TOahf1DeJfcrsphbiOykdzYIJG/chb7AG7p/oV95ipmHyeOxCq+20vpAFgVMkxPge54btKtU1fNHUOzVl6w1dp \
         OE8deEqgQog+OlyQIqZ1FOV0xWX/S6/PpQlFcLLZtyF7lbnRddVZGHAKosS1YnnGHjQyO4Apjk6dLwFHVXrvuscQ71nnxilesWYo \
         0G77WkIxT3vcolVN/abf6bKtZuCjGiOmJVSINAoC4YOr1IRG/loDW9QU1oUHIZM5gFs0HTvlJ0OynCIsMLxsvSSmbuLMGW6JbD6P \
         jzxXuQ1CDxoUl7hxkkttZIm+8vwsDLWVc4txivEK2A==",
        "g35z+YYNut84qSVOdgVcU7X5wP/47+D0f88XVj+D+Lnsk35aic9nPWm+EoppQWBdkLNujldS0JP0kDtXowVOR5RIxaxohu2OInXB \
         hKlPT1KGWsU9ZSugtECvhT+Z0Tp2VI9ar3Xfw04/mEq4HzxgxJvUZWPUyZsn2CnFGaQ/dC9ZFSzUYEG9t2cXxp/RzxtTZVy9boYp \
         Em1nHttVPV+MSoZoXGX5dsUwcXYmmlz/DYLP2ruzrQHstJRGpArN4fYNK8UWm8ae52DST1mqyhcOjiibk3gJS9mme1iO+oEXrNSq \
         X21RdUpqc5dhBRGj/ZaiUX+wh6P7MkGTVxW1uldutQ==",
        "YOjscqiiEHeo5v+HhloUzhW2gB9ARwOEW85tcavTyu6pkzgovESkJuYRxowsDaVc2lyuXc4HnIH2RioDO1IP0nEGKIEwMAxIatQd \
         AoY6OUd/L3rGtE/HWLbPbtf/7pqA++Ne3kjWlsKQTLfG46HYxe18UIcn9nxrr0MtKVk2B7B+5SrkmuqpVoFxXzCYauQT5AoA2C03 \
         cP5nYGruBTRzFgnq6TOQlIZo9hzQbML8dQNRVUUbZQ4pu9DDL8ePRvTabhJz0/JnbGQI4tyx3pg76BU8ei7WdQ3pPC7PeEqVYLZb \
         ABDin/e6CwOOl5SPRXvG3AMC+8ZAr58DM3N1I8yS5g==",
    ],
};
