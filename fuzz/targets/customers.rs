//! A file of customers: whoever is taken is found again by each number.
#![no_main]

use libfuzzer_sys::fuzz_target;
use turno_customers::Portfolio;

fuzz_target!(|data: &[u8]| {
    let (portfolio, errors) = Portfolio::parse_csv(data, "34");
    for customer in portfolio.iter() {
        for number in &customer.numbers {
            assert!(portfolio.by_number(*number).is_some());
        }
        assert!(portfolio.by_id(&customer.id).is_some());
    }
    for error in errors {
        assert!(!error.to_string().contains('\n'), "{error:?}");
    }
});
